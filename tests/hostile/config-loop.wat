;; Asks the host without end; hardly any of the time is its own.
(import "sandbus:handler/config@0.1.0" "get" (func $get (param i32 i32 i32)))
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (loop $more
    (call $get (i32.const 128) (i32.const 5) (i32.const 160))
    (br $more))
  unreachable)
(data (i32.const 128) "nobody")
