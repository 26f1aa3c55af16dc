;; Calls itself without end, with much to keep at each call.
(func $deeper (param i64) (result i64)
  (i64.add
    (i64.mul (call $deeper (i64.add (local.get 0) (i64.const 1))) (call $deeper (i64.sub (local.get 0) (i64.const 1))))
    (i64.mul (call $deeper (i64.xor (local.get 0) (i64.const 1))) (local.get 0))))
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (drop (call $deeper (i64.const 1)))
  (i32.const 64))
