;; Wants 100,000 event types.
(func (export "sandbus:handler/descriptor@0.1.0#describe") (result i32)
  (local $at i32)
  (local.set $at (i32.const 131072))
  (loop $more
    (i32.store (local.get $at) (i32.const 56))
    (i32.store offset=4 (local.get $at) (i32.const 1))
    (local.set $at (i32.add (local.get $at) (i32.const 8)))
    (br_if $more (i32.lt_u (local.get $at) (i32.const 931072))))
  (i32.store (i32.const 128) (i32.const 131072))
  (i32.store (i32.const 132) (i32.const 100000))
  (i32.const 128))
