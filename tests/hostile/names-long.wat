;; Traps in functions whose names have 90,000 bytes, and would colour a terminal.
(func $first (@name "\1b[31m\e2\80\aefirst {90000 x}") unreachable)
(func $second (@name "\1b[31m\e2\80\aesecond {90000 x}") (call $first))
(func $third (@name "\1b[31m\e2\80\aethird {90000 x}") (call $second))
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (call $third)
  unreachable)
