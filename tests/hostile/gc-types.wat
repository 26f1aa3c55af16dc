;; Has values that a garbage collector would have to find.
(component
  (core module $m
    (type $pair (struct (field i32) (field (ref null $pair))))
    (func (drop (struct.new $pair (i32.const 1) (ref.null $pair)))))
  (core instance (instantiate $m)))
