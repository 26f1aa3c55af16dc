;; An error that calls itself by a name of the host's own: cpu_time.
(func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
  (i32.const 128))
(data (i32.const 128) "\01\00\00\00\00\00\00\00\00\01\00\00\08\00\00\00\00\01\00\00\08\00\00\00")
(data (i32.const 256) "cpu_time")
