;; Begins with 4 GiB.
(memory (export "memory") 65536)
