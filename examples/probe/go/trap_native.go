//go:build !wasm

package main

// trap panics where there is no WebAssembly.
func trap() { panic("trap") }
