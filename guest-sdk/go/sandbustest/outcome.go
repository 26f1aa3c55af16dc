//go:build !wasm

package sandbustest

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/sandbus/sandbus/guest-sdk/go/internal/host"
	"github.com/sandbus/sandbus/guest-sdk/go/sandbus"
	"github.com/sandbus/sandbus/guest-sdk/go/sandbus/metrics"
)

// Outcome is what a try left behind.
type Outcome struct {
	// Verdict that the try ended in, unless it failed.
	Verdict sandbus.Verdict
	// Err is nil, or a *sandbus.Error.
	Err error
	// Logs, in order.
	Logs []LogLine
	// Sent are the messages that the handler published, whatever the verdict.
	Sent []sandbus.Message

	t        testing.TB
	host     *Host
	measured []host.Measurement
}

// LogLine of a try.
type LogLine struct {
	Level   slog.Level
	Message string
}

// String is the level, and the message behind it.
func (l LogLine) String() string {
	if l.Level == sandbus.LevelTrace {
		return "trace: " + l.Message
	}
	return strings.ToLower(l.Level.String()) + ": " + l.Message
}

// Published are the messages that leave for the broker: all that were sent if the try ended in Ack, else none.
func (o *Outcome) Published() []sandbus.Message {
	if o.Err == nil && o.Verdict == sandbus.Ack {
		return o.Sent
	}
	return nil
}

// Counter is what was added to the counter, over all attributes, or with exactly these if any are given.
func (o *Outcome) Counter(name string, attributes ...metrics.Attribute) (sum uint64) {
	for _, measured := range o.recorded(host.Counter, name, attributes) {
		sum += measured.Count
	}
	return sum
}

// Histogram gives the values recorded in the histogram, in order, over all attributes, or with exactly these.
func (o *Outcome) Histogram(name string, attributes ...metrics.Attribute) (values []float64) {
	for _, measured := range o.recorded(host.Histogram, name, attributes) {
		values = append(values, measured.Value)
	}
	return values
}

// UpDown is the sum of what was added to and taken from the up-down counter, over all attributes, or with exactly
// these.
func (o *Outcome) UpDown(name string, attributes ...metrics.Attribute) (sum int64) {
	for _, measured := range o.recorded(host.UpDown, name, attributes) {
		sum += measured.Change
	}
	return sum
}

func (o *Outcome) recorded(kind host.Kind, name string, attributes []metrics.Attribute) (found []host.Measurement) {
	for _, measured := range o.measured {
		is := measured.Kind == kind && measured.Name == name
		if is && (len(attributes) == 0 || slices.Equal(measured.Attributes, attributes)) {
			found = append(found, measured)
		}
	}
	return found
}

// WantVerdict fails the test at once unless the try ended in this verdict.
func (o *Outcome) WantVerdict(wanted sandbus.Verdict) {
	o.t.Helper()
	if o.Err != nil {
		o.t.Fatalf("the try ended in the error %s: %v; wanted was %v", kindOf(o.Err), o.Err, wanted)
	}
	if o.Verdict != wanted {
		o.t.Fatalf("the try ended in %v; wanted was %v", o.Verdict, wanted)
	}
}

// WantError fails the test at once unless the try ended in an error of this kind. It gives the error's message.
func (o *Outcome) WantError(kind string) string {
	o.t.Helper()
	if o.Err == nil {
		o.t.Fatalf("the try ended in %v; wanted was an error of the kind %s", o.Verdict, kind)
	}
	if kindOf(o.Err) != kind {
		o.t.Fatalf("the try ended in the error %s: %v; wanted was the kind %s", kindOf(o.Err), o.Err, kind)
	}
	return o.Err.Error()
}
