;; Wants an event type that is no text.
(func (export "sandbus:handler/descriptor@0.1.0#describe") (result i32)
  (i32.const 128))
(data (i32.const 128) "\90\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00")
(data (i32.const 144) "\98\00\00\00\02\00\00\00\ff\fe")
