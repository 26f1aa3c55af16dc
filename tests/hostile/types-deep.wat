;; Types within types, two hundred deep.
(component
  (type $t0 (list u8))
  ;; 200 times: (type $t{n} (list $t{n-1}))
  (instance $typed)
  (export "sandbus:handler/typed@0.1.0" (instance $typed)))
