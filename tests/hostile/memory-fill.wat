;; Fills 50 MiB again and again: each instruction is a long one.
(memory (export "memory") 800)
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (loop $more
    (memory.fill (i32.const 0) (i32.const 7) (i32.const 52428800))
    (br $more))
  unreachable)
