;; Counts something whose name has 8 MB, all of it control characters.
(import "sandbus:handler/metrics@0.1.0" "counter-add" (func $count (param i32 i32 i64 i32 i32 i32)))
(memory (export "memory") 160)
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (memory.fill (i32.const 1048576) (i32.const 1) (i32.const 8000000))
  (call $count (i32.const 1048576) (i32.const 8000000) (i64.const 1) (i32.const 0) (i32.const 0) (i32.const 192))
  ;; What it is told is short.
  (if (i32.gt_u (i32.load (i32.const 208)) (i32.const 4096)) (then unreachable))
  (i32.const 64))
