;; Runs forever before it is there.
(func $start (loop $forever (br $forever)))
(start $start)
