;; Imports something by a name of 90,000 bytes that is no name, so that whoever says so has to say which.
(component
  (import "no name {45000 -a}" (func)))
