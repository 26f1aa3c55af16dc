;; Logs what stands outside of its memory.
(import "sandbus:handler/logging@0.1.0" "log" (func $log (param i32 i32 i32)))
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (call $log (i32.const 2) (i32.const -64) (i32.const 128))
  (i32.const 64))
