;; Asks for a GiB of random bytes.
(import "wasi:random/random@0.2.0" "get-random-bytes" (func $random (param i64 i32)))
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (call $random (i64.const 1073741824) (i32.const 160))
  (i32.const 64))
