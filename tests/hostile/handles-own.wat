;; Makes resources of its own without end.
(import "[export]test:hostile/leak" "[resource-new]thing" (func $new (param i32) (result i32)))
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (loop $more
    (drop (call $new (i32.const 1)))
    (br $more))
  unreachable)
