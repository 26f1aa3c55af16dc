;; Writes to standard output without end, and does not hear that it may not.
(import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
  (func $write (param i32 i32 i32 i32)))
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (local $out i32)
  (local.set $out (call $stdout))
  (memory.fill (i32.const 1024) (i32.const 120) (i32.const 4096))
  (loop $more
    (call $write (local.get $out) (i32.const 1024) (i32.const 4096) (i32.const 160))
    (br $more))
  unreachable)
