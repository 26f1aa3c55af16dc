;; Exports the name of the contract's interface, with nothing in it.
(component
  (instance $typed)
  (export "sandbus:handler/typed@0.1.0" (instance $typed)))
