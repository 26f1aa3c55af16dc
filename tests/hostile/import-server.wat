;; Wants to listen.
(component
  (import "wasi:http/incoming-handler@0.2.0" (instance))
  (instance $typed)
  (export "sandbus:handler/typed@0.1.0" (instance $typed)))
