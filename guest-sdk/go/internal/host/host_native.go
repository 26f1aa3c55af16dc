//go:build !wasm

package host

import (
	"fmt"
	"math"
	"os"
	"sync"
)

// The native host is for unit tests: package sandbustest puts a recorder here. Outside of its Deliver nothing is
// configured or granted, and log lines go to standard error.

// Recorder stands for the host in native tests.
type Recorder interface {
	BatchAt(index uint32)
	Log(level Level, line string)
	Config() []Attribute
	Publish(message *Message) error
	Measure(measurement Measurement) error
}

// Kind of instrument.
type Kind int

// What is measured with.
const (
	Counter Kind = iota
	Histogram
	UpDown
)

// Measurement is one recording of a metric.
type Measurement struct {
	Kind       Kind
	Name       string
	Count      uint64
	Change     int64
	Value      float64
	Attributes []Attribute
}

var (
	mutex    sync.Mutex
	recorder Recorder
)

// Record runs work with this recorder as the host. Tests that deliver events at the same time wait for each other.
func Record(with Recorder, work func()) {
	mutex.Lock()
	defer mutex.Unlock()
	recorder = with
	defer func() { recorder = nil }()
	work()
}

func wait() {}

func batchAt(index uint32) {
	if recorder != nil {
		recorder.BatchAt(index)
	}
}

// Log writes one line.
func Log(level Level, line string) {
	announce()
	if recorder == nil {
		fmt.Fprintln(os.Stderr, line)
		return
	}
	recorder.Log(level, line)
}

// ConfigGet is the value of a key of the configuration, if it is set.
func ConfigGet(key string) (string, bool) {
	for _, entry := range ConfigEntries() {
		if entry.Key == key {
			return entry.Value, true
		}
	}
	return "", false
}

// ConfigEntries is every key with its value, sorted by key.
func ConfigEntries() []Attribute {
	announce()
	if recorder == nil {
		return nil
	}
	return recorder.Config()
}

// Publish takes the message into the try's outbox.
func Publish(message *Message) error {
	announce()
	if recorder == nil {
		return &Refusal{"denied", "nothing is published outside of a test host"}
	}
	return recorder.Publish(message)
}

// CounterAdd adds to a counter.
func CounterAdd(name string, value uint64, attributes []Attribute) error {
	return measure(Measurement{Kind: Counter, Name: name, Count: value, Attributes: attributes})
}

// HistogramRecord records a value in a histogram.
func HistogramRecord(name string, value float64, attributes []Attribute) error {
	return measure(Measurement{Kind: Histogram, Name: name, Value: value, Attributes: attributes})
}

// UpDownAdd adds to, or takes from, an up-down counter.
func UpDownAdd(name string, value int64, attributes []Attribute) error {
	return measure(Measurement{Kind: UpDown, Name: name, Change: value, Attributes: attributes})
}

func measure(measurement Measurement) error {
	announce()
	if err := measurement.check(); err != nil || recorder == nil {
		return err
	}
	return recorder.Measure(measurement)
}

// check refuses what the real host refuses by its form.
func (m *Measurement) check() error {
	if !isName(m.Name) {
		return &Refusal{"bad_name", fmt.Sprintf("no metric has the name %q", m.Name)}
	}
	keys := map[string]bool{}
	for _, attribute := range m.Attributes {
		if !isName(attribute.Key) || keys[attribute.Key] {
			return &Refusal{"bad_attribute", fmt.Sprintf("%q of %q is ill-formed or there twice", attribute.Key, m.Name)}
		}
		keys[attribute.Key] = true
	}
	if math.IsNaN(m.Value) || math.IsInf(m.Value, 0) {
		return &Refusal{"bad_value", fmt.Sprintf("a value of %q is not finite", m.Name)}
	}
	return nil
}

func isName(name string) bool {
	for i, letter := range []byte(name) {
		lower := 'a' <= letter && letter <= 'z'
		if !lower && (i == 0 || letter != '_' && (letter < '0' || '9' < letter)) {
			return false
		}
	}
	const total = "_total"
	return 1 <= len(name) && len(name) <= 64 && (len(name) < len(total) || name[len(name)-len(total):] != total)
}
