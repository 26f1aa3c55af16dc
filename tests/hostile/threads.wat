;; Shares a memory, and waits in it for ever, where neither epochs nor timers would reach it.
(component
  (core module $m
    (memory 1 1 shared)
    (func (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))))
  (core instance (instantiate $m)))
