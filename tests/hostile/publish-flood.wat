;; Publishes without end, to the topic that it may publish to.
(import "sandbus:handler/config@0.1.0" "get" (func $get (param i32 i32 i32)))
(import "sandbus:handler/publish@0.1.0" "send"
  (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (call $get (i32.const 128) (i32.const 5) (i32.const 160))
  (loop $more
    (call $send (i32.load (i32.const 164)) (i32.load (i32.const 168)) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 1) (i32.const 1024) (i32.const 1000) (i32.const 0) (i32.const 0) (i32.const 192))
    (br $more))
  unreachable)
(data (i32.const 128) "topic")
