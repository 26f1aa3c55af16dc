;; Wants one event type, of a million bytes.
(func (export "sandbus:handler/descriptor@0.1.0#describe") (result i32)
  (memory.fill (i32.const 524288) (i32.const 97) (i32.const 1000000))
  (i32.const 128))
(data (i32.const 128) "\90\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00")
(data (i32.const 144) "\00\00\08\00\40\42\0f\00")
