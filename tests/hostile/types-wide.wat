;; A tuple of 8 tuples of 8 tuples, thirty deep: a value of it has 8^30 parts.
(component
  (type $t0 (tuple u8 u8 u8 u8 u8 u8 u8 u8))
  ;; 30 times: (type $t{n} (tuple $t{n-1} $t{n-1} $t{n-1} $t{n-1} $t{n-1} $t{n-1} $t{n-1} $t{n-1}))
  (instance $typed)
  (export "sandbus:handler/typed@0.1.0" (instance $typed)))
