;; Logs a line that would forge another one, and colour a terminal.
(import "sandbus:handler/logging@0.1.0" "log" (func $log (param i32 i32 i32)))
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (call $log (i32.const 2) (i32.const 128) (i32.const 65))
  (i32.const 64))
(data (i32.const 128) "mine\0a2026-01-01T00:00:00Z ERROR forged by a guest\0d\1b[31m\1b]0;title\07")
