;; Logs at a level that there is not.
(import "sandbus:handler/logging@0.1.0" "log" (func $log (param i32 i32 i32)))
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (call $log (i32.const 77) (i32.const 128) (i32.const 1))
  (i32.const 64))
