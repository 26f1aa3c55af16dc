;; Logs 20 MB at once.
(import "sandbus:handler/logging@0.1.0" "log" (func $log (param i32 i32 i32)))
(memory (export "memory") 400)
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (call $log (i32.const 2) (i32.const 1048576) (i32.const 20000000))
  (i32.const 64))
