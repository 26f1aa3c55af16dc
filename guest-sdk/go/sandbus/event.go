package sandbus

import (
	"fmt"
	"iter"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/sandbus/sandbus/guest-sdk/go/internal/frame"
)

// Event is one Kafka record, with its type, identity and attempt.
//
// Fields are read where they lie when they are asked for. What they give may be kept: it stays what it is after the
// try. Bytes are shared, so they must not be written to, and whatever keeps one of them or a string keeps the memory of
// all events of its call: strings.Clone or bytes.Clone what is to be kept for long.
type Event struct {
	// In a frame, where a frame is.
	framed frame.Event
	// In a record of its own: the typed way, and native tests.
	record *record
	// topic/partition/offset, where the frame has no id and the handler has asked for one.
	id string
}

// record has the fields of an event, as the host gives them by the typed way.
type record struct {
	topic     string
	partition uint32
	offset    uint64
	timestamp time.Time
	key       []byte
	value     []byte
	headers   []Header
	id        string
	eventType string
	attempt   uint32
}

// Topic of the record; for a redriven event the topic it first stood in.
func (e *Event) Topic() string {
	if e.record != nil {
		return e.record.topic
	}
	return e.framed.Topic()
}

// Partition, from 0.
func (e *Event) Partition() int32 {
	if e.record != nil {
		return int32(e.record.partition)
	}
	return int32(e.framed.Partition())
}

// Offset within the partition, from 0.
func (e *Event) Offset() int64 {
	if e.record != nil {
		return int64(e.record.offset)
	}
	return int64(e.framed.Offset())
}

// Timestamp of the record, in whole milliseconds; the zero Time where the record has none.
func (e *Event) Timestamp() time.Time {
	if e.record != nil {
		return e.record.timestamp
	}
	if millis, is := e.framed.Timestamp(); is {
		return time.UnixMilli(millis)
	}
	return time.Time{}
}

// ID is the event's identity: the same in every try, and after a restart. Never empty.
//
// It is the header event_id, else ce_id, else the structured CloudEvent's id, else topic/partition/offset.
func (e *Event) ID() string {
	if e.record != nil {
		return e.record.id
	}
	if id, is := e.framed.ID(); is {
		return id
	}
	if e.id == "" {
		partition := strconv.FormatUint(uint64(e.framed.Partition()), 10)
		e.id = e.framed.Topic() + "/" + partition + "/" + strconv.FormatUint(e.framed.Offset(), 10)
	}
	return e.id
}

// Type of the event, 1 to 256 bytes.
//
// It is the header event_type, else ce_type, else the structured CloudEvent's type, else the topic.
func (e *Event) Type() string {
	if e.record != nil {
		return e.record.eventType
	}
	return e.framed.Type()
}

// Attempt counts the tries of this event by this handler, from 1. It starts again at 1 after a restart or a rebalance.
func (e *Event) Attempt() int {
	if e.record != nil {
		return int(e.record.attempt)
	}
	return int(e.framed.Attempt())
}

// Key of the record. Nil is absent, and differs from empty.
func (e *Event) Key() []byte {
	if e.record != nil {
		return e.record.key
	}
	return e.framed.Key()
}

// KeyText is the key as text. Errors: missing_key, bad_key.
func (e *Event) KeyText() (string, error) {
	key := e.Key()
	if key == nil {
		return "", NewError("missing_key", "the event has no key")
	}
	if !utf8.Valid(key) {
		return "", NewError("bad_key", "the key is not text: it is not UTF-8")
	}
	return string(key), nil
}

// Value of the record. Nil is a tombstone, and differs from empty.
func (e *Event) Value() []byte {
	if e.record != nil {
		return e.record.value
	}
	return e.framed.Value()
}

// Text is the value as text. Errors: tombstone, bad_text.
func (e *Event) Text() (string, error) {
	value := e.Value()
	if value == nil {
		return "", tombstone()
	}
	if !utf8.Valid(value) {
		return "", NewError("bad_text", "the value is not text: it is not UTF-8")
	}
	return string(value), nil
}

// JSON reads the value as JSON into what `into` points to, as json.Unmarshal does, but takes neither what is no UTF-8
// nor brackets that are nested deeper than 127. Errors: tombstone, bad_json.
func (e *Event) JSON(into any) error {
	value := e.Value()
	if value == nil {
		return tombstone()
	}
	if err := readJSON(value, into); err != nil {
		return Errorf("bad_json", "the value is not the JSON expected: %w", err)
	}
	return nil
}

func tombstone() *Error { return NewError("tombstone", "the event has no value (a tombstone)") }

// Header is the text of the first header of that name. Errors: missing_header, bad_header.
func (e *Event) Header(name string) (string, error) {
	header, is := e.FirstHeader(name)
	if !is {
		return "", Header{Name: name}.missing()
	}
	return header.Text()
}

// FirstHeader is the first header of that name, if there is one. Names are compared case-sensitively.
func (e *Event) FirstHeader(name string) (Header, bool) {
	for header := range e.HeadersNamed(name) {
		return header, true
	}
	return Header{}, false
}

// HeadersNamed gives all headers of that name, in order.
func (e *Event) HeadersNamed(name string) iter.Seq[Header] {
	return func(yield func(Header) bool) {
		for header := range e.Headers() {
			if header.Name == name && !yield(header) {
				return
			}
		}
	}
}

// Headers gives all headers in the record's order, repeats included.
func (e *Event) Headers() iter.Seq[Header] {
	return func(yield func(Header) bool) {
		if e.record != nil {
			for _, header := range e.record.headers {
				if !yield(header) {
					return
				}
			}
			return
		}
		headers := e.framed.Headers()
		for index := range headers.Count {
			if !yield(Header{headers.Name(index), headers.Value(index)}) {
				return
			}
		}
	}
}

// Header of an event or of a message. Names may repeat.
type Header struct {
	// Name may be empty.
	Name string
	// Value is nil where it is absent, which differs from empty.
	Value []byte
}

// Text is the value as text. Errors: missing_header without a value, bad_header.
func (h Header) Text() (string, error) {
	if h.Value == nil {
		return "", h.missing()
	}
	if !utf8.Valid(h.Value) {
		return "", NewError("bad_header", fmt.Sprintf("the header %q is not text: it is not UTF-8", h.Name))
	}
	return string(h.Value), nil
}

func (h Header) missing() *Error {
	return NewError("missing_header", fmt.Sprintf("the header %q is missing or null", h.Name))
}
