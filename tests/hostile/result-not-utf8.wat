;; A dead letter whose reason is no text.
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (i32.const 128))
(data (i32.const 136) "\03\00\00\00\00\00\00\00\00\01\00\00\02\00\00\00")
(data (i32.const 256) "\ff\fe")
