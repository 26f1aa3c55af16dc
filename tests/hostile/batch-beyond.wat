;; Says that it works on an event that it was not given.
(import "sandbus:handler/batch@0.1.0" "at" (func $at (param i32)))
(func (export "sandbus:handler/packed@0.1.0#handle") (param i32 i32) (result i32)
  (call $at (i32.const 100000))
  (i32.const 128))
