;; A dead letter whose reason stands outside of its memory.
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (i32.const 128))
(data (i32.const 136) "\03\00\00\00\00\00\00\00\00\00\00\f0\10\00\00\00")
