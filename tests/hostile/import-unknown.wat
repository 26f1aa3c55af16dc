;; Wants what nobody offers: to run programs.
(component
  (import "wasi:process/spawn@0.2.0" (instance))
  (instance $typed)
  (export "sandbus:handler/typed@0.1.0" (instance $typed)))
