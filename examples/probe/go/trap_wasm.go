package main

// trap executes WebAssembly's `unreachable`, which no Go code can be compiled to: it stands in trap_wasm.s.
func trap()
