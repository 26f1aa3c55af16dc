;; Two hundred core instances, each with a memory.
(component
  (core module $one (memory 1))
  ;; 200 times: (core instance (instantiate $one))
  (instance $typed)
  (export "sandbus:handler/typed@0.1.0" (instance $typed)))
