;; Throws.
(component
  (core module $m
    (tag $wrong)
    (func (throw $wrong)))
  (core instance (instantiate $m)))
