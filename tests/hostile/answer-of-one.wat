;; Answers for one event, however many it was given: rule A5, but where it was one.
(func (export "sandbus:handler/packed@0.1.0#handle") (param i32 i32) (result i32)
  (i32.const 128))
(data (i32.const 128) "\00\04\00\00\38\00\00\00")
(data (i32.const 1024) "SBVD\01\00\18\00\20\00\00\00\01\00\00\00\38\00\00\00\00\00\00\00")
(data (i32.const 1048) "\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\ff\ff\ff\ff\00\00\00\00\ff\ff\ff\ff")
