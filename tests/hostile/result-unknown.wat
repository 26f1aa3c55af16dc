;; A verdict that there is not.
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (i32.const 128))
(data (i32.const 136) "\c8")
