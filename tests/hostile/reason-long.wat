;; A dead letter with a reason of 900,000 bytes, which is within limits.result.
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (memory.fill (i32.const 1048576) (i32.const 120) (i32.const 900000))
  (i32.const 128))
(data (i32.const 136) "\03\00\00\00\00\00\00\00\00\00\10\00\a0\bb\0d\00")
