;; Publishes three million headers at once.
(import "sandbus:handler/config@0.1.0" "get" (func $get (param i32 i32 i32)))
(import "sandbus:handler/publish@0.1.0" "send"
  (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(memory (export "memory") 960)
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (call $get (i32.const 128) (i32.const 5) (i32.const 160))
  (call $send (i32.load (i32.const 164)) (i32.load (i32.const 168)) (i32.const 0) (i32.const 0) (i32.const 0)
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1048576) (i32.const 3000000) (i32.const 192))
  (i32.const 64))
(data (i32.const 128) "topic")
