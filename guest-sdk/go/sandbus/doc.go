// Package sandbus is for writing Sandbus event handlers in Go.
//
// A handler is a type with a method Handle, made known by Register; built with GOOS=wasip1 GOARCH=wasm it is a
// WebAssembly component that Sandbus runs in a sandbox, built natively it is plain Go, and package sandbustest gives it
// events under `go test`.
//
//	package main
//
//	import (
//		"log"
//
//		"github.com/sandbus/sandbus/guest-sdk/go/sandbus"
//	)
//
//	type order struct {
//		ID string `json:"order_id"`
//	}
//
//	func handle(event *sandbus.Event) (sandbus.Verdict, error) {
//		var created order
//		if err := event.JSON(&created); err != nil {
//			return sandbus.Verdict{}, err
//		}
//		log.Printf("order %s", created.ID)
//		return sandbus.Ack, nil
//	}
//
//	func init() { sandbus.HandleFunc(handle, "OrderCreated") }
//
//	func main() {}
//
// # How a try ends
//
//	Ack, nil                      done; what was published leaves for Kafka
//	Skip, nil                     done; what was published is dropped
//	Retry, nil; RetryAfter(d)     tried again
//	DeadLetter(reason), nil       goes to the dead letters at once
//	an error                      tried again as configured, then goes to the dead letters
//	a panic                       an error of the kind "panic"; the place is logged
package sandbus
