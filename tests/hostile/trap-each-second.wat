;; Traps at each event with an odd offset.
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (if (i32.and (i32.wrap_i64 (i64.load offset=16 (local.get 0))) (i32.const 1)) (then unreachable))
  (i32.const 64))
