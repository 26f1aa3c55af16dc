// A handler: keeps an eye on orders, and turns away those that cannot be right.
//
// What a handler can do besides stands in .sandbus/guest-sdk/go/README.md.
package main

import (
	"log"

	"github.com/sandbus/sandbus/guest-sdk/go/sandbus"
)

// orderCreated is the body of an OrderCreated event. It may have more fields than these.
type orderCreated struct {
	OrderID    string `json:"order_id"`
	TotalCents int64  `json:"total_cents"`
}

// orders lives as long as its sandbox instance: good for a cache, not for what must last.
type orders struct {
	seen int
}

func newOrders() (*orders, error) { return &orders{}, nil }

// Handle one event, and say what becomes of it.
func (o *orders) Handle(event *sandbus.Event) (sandbus.Verdict, error) {
	// An error is tried again as configured; then the event goes to the dead letters.
	var order orderCreated
	if err := event.JSON(&order); err != nil {
		return sandbus.Verdict{}, err
	}
	if order.TotalCents < 0 {
		// No later try would end better.
		return sandbus.DeadLetter("the total is negative"), nil
	}
	o.seen++
	log.Printf("order %s over %d cents is number %d", order.OrderID, order.TotalCents, o.seen)
	return sandbus.Ack, nil
}

// The event types that it wants; * is any run of characters.
func init() { sandbus.Register(newOrders, "OrderCreated") }

// Never called in the sandbox, but a program of Go has to have it.
func main() {}
