// Package metrics is for metrics of the handler's own, exported with the attribute handler.name.
//
//	var orders = metrics.Counter("orders")
//
//	err := orders.Add(1, metrics.Attr("currency", "EUR"))
//
// Names and attribute keys are [a-z][a-z0-9_]{0,63} and do not end in _total. What is recorded in a failed try counts
// too, so record last. The numbers of names and of attribute sets are bounded by the host; what it refuses (bad_name,
// bad_attribute, bad_value) changes nothing and is a *sandbus.Refusal.
package metrics

import (
	"strings"

	"github.com/sandbus/sandbus/guest-sdk/go/internal/host"
)

// Attribute of one recording: each key once.
type Attribute = host.Attribute

// Attr is an attribute.
func Attr(key, value string) Attribute { return Attribute{Key: key, Value: text(value)} }

// Counter is the name of a number that only grows: sandbus.guest.counter.<name>.
type Counter string

// Add to it.
func (c Counter) Add(value uint64, attributes ...Attribute) error {
	return host.CounterAdd(text(string(c)), value, attributes)
}

// Histogram is the name of a distribution of values: sandbus.guest.histogram.<name>.
type Histogram string

// Record a value, which must be finite.
func (h Histogram) Record(value float64, attributes ...Attribute) error {
	return host.HistogramRecord(text(string(h)), value, attributes)
}

// UpDown is the name of a number that goes up and down: sandbus.guest.updown.<name>.
type UpDown string

// Add to it, or take from it.
func (u UpDown) Add(value int64, attributes ...Attribute) error {
	return host.UpDownAdd(text(string(u)), value, attributes)
}

// text is what crosses the border as such: Go's strings may hold any bytes.
func text(words string) string { return strings.ToValidUTF8(words, "\ufffd") }
