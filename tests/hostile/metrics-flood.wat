;; Counts 2000 things, one thing by 2000 attributes, and some by keys that are not allowed.
(import "sandbus:handler/metrics@0.1.0" "counter-add" (func $count (param i32 i32 i64 i32 i32 i32)))
(import "sandbus:handler/metrics@0.1.0" "histogram-record" (func $record (param i32 i32 f64 i32 i32 i32)))
(import "sandbus:handler/metrics@0.1.0" "updown-add" (func $add (param i32 i32 i64 i32 i32 i32)))
;; Four digits at 260.
(func $digits (param $rest i32)
  (local $at i32)
  (local.set $at (i32.const 264))
  (loop $digit
    (local.set $at (i32.sub (local.get $at) (i32.const 1)))
    (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $rest) (i32.const 10))))
    (local.set $rest (i32.div_u (local.get $rest) (i32.const 10)))
    (br_if $digit (i32.gt_u (local.get $at) (i32.const 260)))))
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (local $n i32)
  (loop $more
    (call $digits (local.get $n))
    (call $count (i32.const 256) (i32.const 8) (i64.const 1) (i32.const 0) (i32.const 0) (i32.const 192))
    (call $add (i32.const 256) (i32.const 8) (i64.const -1) (i32.const 0) (i32.const 0) (i32.const 192))
    (call $record (i32.const 256) (i32.const 8) (f64.const nan) (i32.const 0) (i32.const 0) (i32.const 192))
    ;; One metric, with the number as an attribute's value.
    (call $count (i32.const 256) (i32.const 4) (i64.const 1) (i32.const 272) (i32.const 1) (i32.const 192))
    ;; And as its key, after a quote and a line feed.
    (call $count (i32.const 256) (i32.const 4) (i64.const 1) (i32.const 288) (i32.const 1) (i32.const 192))
    (global.set $next (i32.const 1048576))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $more (i32.lt_u (local.get $n) (i32.const 2000))))
  (i32.const 64))
(data (i32.const 256) "many0000")
;; The attributes: many = "0000", and many"\n0000 = "many".
(data (i32.const 272) "\00\01\00\00\04\00\00\00\04\01\00\00\04\00\00\00")
(data (i32.const 288) "\40\01\00\00\06\00\00\00\00\01\00\00\04\00\00\00")
(data (i32.const 320) "many\22\0a")
