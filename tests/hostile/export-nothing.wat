;; Is no handler.
(component)
