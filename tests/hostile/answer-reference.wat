;; A reason that stands in the record before it: rule A9.
(func (export "sandbus:handler/packed@0.1.0#handle") (param i32 i32) (result i32)
  (i32.const 128))
(data (i32.const 128) "\00\04\00\00\38\00\00\00")
(data (i32.const 1024) "SBVD\01\00\18\00\20\00\00\00\01\00\00\00\38\00\00\00\00\00\00\00")
(data (i32.const 1048) "\04\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\ff\ff\ff\ff\08\00\00\00\10\00\00\00")
