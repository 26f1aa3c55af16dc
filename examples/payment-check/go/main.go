// Teaches: every way that a try may end.
//
// Decides on payments. Its providers and cards are made up, as test cards are: what a payment says decides what happens
// to it. And it has a bug.
package main

import (
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/sandbus/sandbus/guest-sdk/go/sandbus"
	"github.com/sandbus/sandbus/guest-sdk/go/sandbus/config"
	"github.com/sandbus/sandbus/guest-sdk/go/sandbus/metrics"
)

const approved = metrics.Counter("payments_approved")

// providerRetryMS is how long to wait for a provider that cannot be reached, unless provider_retry_ms is configured.
const providerRetryMS = 200

// payment is the body of PaymentRequested. Fields that it does not name may be there. Those that it names have to be:
// as package json does not say what is missing, they are pointers until they are checked.
type payment struct {
	ID          *string `json:"payment_id"`
	AmountCents *uint64 `json:"amount_cents"`
	Currency    *string `json:"currency"`
	// Installments is in how many parts it is paid.
	Installments *uint64 `json:"installments"`
	Provider     *string `json:"provider"`
	CardLast4    *string `json:"card_last4"`
}

func handle(event *sandbus.Event) (sandbus.Verdict, error) {
	if event.Type() != "PaymentRequested" {
		return sandbus.Skip, nil
	}
	var asked payment
	if err := event.JSON(&asked); err != nil {
		return sandbus.Verdict{}, err
	}
	if err := asked.check(); err != nil {
		return sandbus.Verdict{}, err
	}
	if err := reach(*asked.Provider, event.Attempt()); err != nil {
		return sandbus.Verdict{}, err
	}
	if refused := authorise(&asked); refused != "" {
		// It will be refused again: no retry helps.
		return sandbus.DeadLetterf("card refused: %s (payment %s)", refused, *asked.ID), nil
	}
	part := installment(&asked)
	slog.Debug(fmt.Sprintf("payment %s is approved: %d times %d %s", *asked.ID, *asked.Installments, part, *asked.Currency))
	return sandbus.Ack, approved.Add(1, metrics.Attr("currency", *asked.Currency))
}

// check names the first field that is missing. In order, so that each try of an event says the same.
func (p *payment) check() error {
	for _, field := range []struct {
		name    string
		missing bool
	}{
		{"payment_id", p.ID == nil},
		{"amount_cents", p.AmountCents == nil},
		{"currency", p.Currency == nil},
		{"installments", p.Installments == nil},
		{"provider", p.Provider == nil},
		{"card_last4", p.CardLast4 == nil},
	} {
		if field.missing {
			return sandbus.Errorf("bad_json", "the field %q is missing", field.name)
		}
	}
	return nil
}

// reach the provider, or end the try: beta answers from the third try on.
func reach(provider string, attempt int) error {
	if provider != "beta" || attempt >= 3 {
		return nil
	}
	wait, err := config.Parse("provider_retry_ms", providerRetryMS, strconv.Atoi)
	if err != nil {
		return err
	}
	slog.Warn(fmt.Sprintf("provider %s is not reachable yet (attempt %d)", provider, attempt))
	return sandbus.RetryAfter(time.Duration(wait) * time.Millisecond).Err()
}

// authorise asks for the money, and says why it is refused.
func authorise(asked *payment) string {
	switch *asked.CardLast4 {
	case "0002":
		return "declined"
	case "0069":
		return "expired"
	case "9979":
		return "reported stolen"
	}
	return ""
}

// installment is the cents of one part. Here is the bug: nobody has thought of a payment in no parts at all. It is a
// panic, and so an error of the kind panic.
func installment(asked *payment) uint64 { return *asked.AmountCents / *asked.Installments }

func init() { sandbus.HandleFunc(handle, "Payment*") }

func main() {}
