//go:build !wasm

package sandbustest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sandbus/sandbus/guest-sdk/go/sandbus"
)

// Event to deliver. What is not said has a default that a plain record would have.
type Event struct {
	// Type, which the event also carries in the header event_type, before the others.
	Type string
	// Topic is events.stream unless set.
	Topic     string
	Partition int32
	// Offset follows that of the event before unless set.
	Offset    int64
	Timestamp time.Time
	// Key; nil is absent.
	Key []byte
	// Value; nil is a tombstone.
	Value []byte
	// JSON, unless nil, makes the value.
	JSON any
	// Headers after event_type. A nil value is absent.
	Headers []sandbus.Header
	// ID is topic/partition/offset unless set; then the header event_id carries it.
	ID string
	// Attempt is 1 unless set.
	Attempt int
}

// Header with this text.
func Header(name, value string) sandbus.Header {
	return sandbus.Header{Name: name, Value: []byte(value)}
}

// build an event at the next offset.
func (h *Host) build(given Event) *sandbus.Event {
	h.t.Helper()
	if given.Topic == "" {
		given.Topic = "events.stream"
	}
	if given.Offset == 0 {
		given.Offset = h.offset
	}
	h.offset = given.Offset + 1
	if given.JSON != nil {
		value, err := json.Marshal(given.JSON)
		if err != nil {
			h.t.Fatalf("the test's value cannot be JSON: %v", err)
		}
		given.Value = value
	}
	headers := slices.Clone(given.Headers)
	if given.Type != "" {
		headers = slices.Insert(headers, 0, Header("event_type", given.Type))
	} else {
		given.Type = given.Topic
	}
	if given.ID != "" {
		headers = append(headers, Header("event_id", given.ID))
	} else {
		given.ID = fmt.Sprintf("%s/%d/%d", given.Topic, given.Partition, given.Offset)
	}
	return sandbus.TestEvent{
		Topic: given.Topic, Partition: given.Partition, Offset: given.Offset, Timestamp: given.Timestamp,
		Key: given.Key, Value: given.Value, Headers: headers, ID: given.ID, Type: given.Type,
		Attempt: max(given.Attempt, 1),
	}.Event()
}
