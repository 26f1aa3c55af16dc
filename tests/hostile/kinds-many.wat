;; Another kind of error for each event.
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (local $rest i64) (local $at i32)
  (local.set $rest (i64.load offset=16 (local.get 0)))
  (local.set $at (i32.const 264))
  (loop $digit
    (local.set $at (i32.sub (local.get $at) (i32.const 1)))
    (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $rest) (i64.const 10)))))
    (local.set $rest (i64.div_u (local.get $rest) (i64.const 10)))
    (br_if $digit (i32.gt_u (local.get $at) (i32.const 260))))
  (i32.const 128))
(data (i32.const 128) "\01\00\00\00\00\00\00\00\00\01\00\00\08\00\00\00\00\01\00\00\08\00\00\00")
(data (i32.const 256) "Kind")
