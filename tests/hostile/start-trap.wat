;; Traps before it is there.
(func $start unreachable)
(start $start)
