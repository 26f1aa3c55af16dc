package main

import (
	"testing"

	"github.com/sandbus/sandbus/guest-sdk/go/sandbus"
	"github.com/sandbus/sandbus/guest-sdk/go/sandbustest"
)

func created(body string) sandbustest.Event {
	return sandbustest.Event{Type: "OrderCreated", Value: []byte(body)}
}

func TestOrdersAreCounted(t *testing.T) {
	host := sandbustest.New(t, newOrders)
	order := created(`{"order_id":"o-1","total_cents":4998}`)
	host.Deliver(order).WantVerdict(sandbus.Ack)
	outcome := host.Deliver(order)
	outcome.WantVerdict(sandbus.Ack)
	if line := outcome.Logs[0].Message; line != "order o-1 over 4998 cents is number 2" {
		t.Error(line)
	}
}

func TestANegativeTotalIsADeadLetter(t *testing.T) {
	outcome := sandbustest.New(t, newOrders).Deliver(created(`{"order_id":"o-1","total_cents":-1}`))
	outcome.WantVerdict(sandbus.DeadLetter("the total is negative"))
}

func TestABadBodyIsAnError(t *testing.T) {
	sandbustest.New(t, newOrders).Deliver(created("no JSON")).WantError("bad_json")
}
