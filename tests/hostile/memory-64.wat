;; A memory that 64 bits address.
(component
  (core module $one (memory i64 16))
  (core instance (instantiate $one))
  (instance $typed)
  (export "sandbus:handler/typed@0.1.0" (instance $typed)))
