;; Says 10,000 things of itself.
(func (export "sandbus:handler/descriptor@0.1.0#describe") (result i32)
  (local $at i32)
  (local.set $at (i32.const 131072))
  (loop $more
    (i32.store (local.get $at) (i32.const 56))
    (i32.store offset=4 (local.get $at) (i32.const 1))
    (i32.store offset=8 (local.get $at) (i32.const 56))
    (i32.store offset=12 (local.get $at) (i32.const 1))
    (local.set $at (i32.add (local.get $at) (i32.const 16)))
    (br_if $more (i32.lt_u (local.get $at) (i32.const 291072))))
  (i32.const 128))
;; Events as everybody's; attributes from 128 Ki.
(data (i32.const 128) "\30\00\00\00\01\00\00\00\00\00\02\00\10\27\00\00")
