;; Begins with ten million table elements.
(table 10000000 funcref)
