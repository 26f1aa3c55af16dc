package main

import (
	"strings"
	"testing"
	"time"

	"github.com/sandbus/sandbus/guest-sdk/go/sandbus"
	"github.com/sandbus/sandbus/guest-sdk/go/sandbus/metrics"
	"github.com/sandbus/sandbus/guest-sdk/go/sandbustest"
)

// asked is a payment. Most are alpha's, with a good card, in one part.
func asked(provider, card string, installments int) sandbustest.Event {
	return sandbustest.Event{Type: "PaymentRequested", Key: []byte("o-1"), JSON: map[string]any{
		"payment_id": "p-1", "order_id": "o-1", "amount_cents": 3000, "currency": "EUR",
		"installments": installments, "provider": provider, "card_last4": card,
	}}
}

func TestAGoodPaymentIsApproved(t *testing.T) {
	outcome := sandbustest.NewFunc(t, handle).Deliver(asked("alpha", "4242", 3))
	outcome.WantVerdict(sandbus.Ack)
	if outcome.Counter("payments_approved", metrics.Attr("currency", "EUR")) != 1 {
		t.Error("it is not counted")
	}
	if line := outcome.Logs[0].String(); line != "debug: payment p-1 is approved: 3 times 1000 EUR" {
		t.Error(line)
	}
}

func TestWhatIsNoRequestIsSkipped(t *testing.T) {
	host := sandbustest.Registered(t)
	if !host.Wants("PaymentSettled") || host.Wants("OrderCreated") {
		t.Error("it wants something else")
	}
	host.Deliver(sandbustest.Event{Type: "PaymentSettled"}).WantVerdict(sandbus.Skip)
}

func TestAProviderThatIsAwayIsWaitedFor(t *testing.T) {
	host := sandbustest.NewFunc(t, handle)
	event := asked("beta", "4242", 1)
	host.Deliver(event).WantVerdict(sandbus.RetryAfter(200 * time.Millisecond))
	host.SetConfig("provider_retry_ms", "50")
	event.Attempt = 2
	host.Deliver(event).WantVerdict(sandbus.RetryAfter(50 * time.Millisecond))
	event.Attempt = 3
	host.Deliver(event).WantVerdict(sandbus.Ack)
	host.SetConfig("provider_retry_ms", "soon")
	event.Attempt = 1
	host.Deliver(event).WantError("bad_config")
}

func TestARefusedCardIsADeadLetterWithItsReason(t *testing.T) {
	for card, why := range map[string]string{"0002": "declined", "0069": "expired", "9979": "reported stolen"} {
		outcome := sandbustest.NewFunc(t, handle).Deliver(asked("alpha", card, 1))
		outcome.WantVerdict(sandbus.DeadLetter("card refused: " + why + " (payment p-1)"))
	}
}

func TestABadBodyIsAnError(t *testing.T) {
	host := sandbustest.NewFunc(t, handle)
	host.Deliver(sandbustest.Event{Type: "PaymentRequested"}).WantError("tombstone")
	event := asked("alpha", "4242", 1)
	delete(event.JSON.(map[string]any), "amount_cents")
	if message := host.Deliver(event).WantError("bad_json"); !strings.Contains(message, "amount_cents") {
		t.Error(message)
	}
	event.JSON = map[string]any{}
	for range 20 {
		if message := host.Deliver(event).WantError("bad_json"); message != `the field "payment_id" is missing` {
			t.Fatal(message)
		}
	}
	event.JSON = map[string]any{"amount_cents": "much"}
	host.Deliver(event).WantError("bad_json")
}

func TestAPaymentInNoPartsFindsTheBug(t *testing.T) {
	outcome := sandbustest.NewFunc(t, handle).Deliver(asked("alpha", "4242", 0))
	if message := outcome.WantError("panic"); !strings.Contains(message, "integer divide by zero") {
		t.Error(message)
	}
}
