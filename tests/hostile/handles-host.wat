;; Takes timers from the host without end, and gives none back.
(import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $subscribe (param i64) (result i32)))
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (loop $more
    (drop (call $subscribe (i64.const 3600000000000)))
    (br $more))
  unreachable)
