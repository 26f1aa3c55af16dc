;; Asks the host without end to escape 20,000 control characters, which takes it far longer than the asking. At this
;; level nobody reads them.
(import "sandbus:handler/logging@0.1.0" "log" (func $log (param i32 i32 i32)))
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (loop $more
    (call $log (i32.const 0) (i32.const 1048576) (i32.const 20000))
    (br $more))
  unreachable)
