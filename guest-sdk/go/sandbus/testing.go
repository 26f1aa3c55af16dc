//go:build !wasm

package sandbus

import "time"

// TestInstance is one instance of a handler in a native test. Package sandbustest is what tests use.
type TestInstance struct{ instance instance }

// NewTestInstance makes an instance of a handler that need not be registered. It has had no event.
func NewTestInstance[H Handler](create func() (H, error)) *TestInstance {
	component := &Component{create: func() (Handler, error) { return create() }}
	return &TestInstance{instance{component: component}}
}

// Run one try, and give what it ends in: a verdict, or an *Error.
func (t *TestInstance) Run(event *Event) (Verdict, error) {
	verdict, failed := t.instance.run(event)
	if failed != nil {
		return verdict, failed
	}
	return verdict, nil
}

// RunFrame runs a frame of docs/packed-frame.md.
func (t *TestInstance) RunFrame(bytes []byte) []byte { return t.instance.runFrame(bytes) }

// Restart throws the handler's value away, as the host does after a fault.
func (t *TestInstance) Restart() { t.instance.handler = nil }

// Handler's value, nil before the first event.
func (t *TestInstance) Handler() Handler { return t.instance.handler }

// Registered is the handler that Register was given, nil if none was.
func Registered() *Component { return registered }

// NewInstance of the registered handler.
func (c *Component) NewInstance() *TestInstance { return &TestInstance{instance{component: c}} }

// TestEvent has the fields of an event for a native test.
type TestEvent struct {
	Topic     string
	Partition int32
	Offset    int64
	Timestamp time.Time
	Key       []byte
	Value     []byte
	Headers   []Header
	ID        string
	Type      string
	Attempt   int
}

// Event with these fields.
func (t TestEvent) Event() *Event {
	return &Event{record: &record{
		topic:     t.Topic,
		partition: uint32(t.Partition),
		offset:    uint64(t.Offset),
		timestamp: t.Timestamp,
		key:       t.Key,
		value:     t.Value,
		headers:   t.Headers,
		id:        t.ID,
		eventType: t.Type,
		attempt:   uint32(t.Attempt),
	}}
}
