;; Ends the program.
(import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32)))
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (call $exit (i32.const 0))
  (i32.const 64))
