package sandbus

import "fmt"

// Handler of events: one value of it for each sandbox instance.
//
// An instance handles one event at a time, so Handle may change the value freely. The state lives as long as the
// instance, and that is not in the handler's hands: a handler with concurrency above 1 has several instances, a fault
// ends one, a new version replaces all. Treat the state as a cache.
//
// The same event may come again: after a retry, a restart or a rebalance. Handle should leave the same behind when it
// does.
type Handler interface {
	// Handle one event, and say what becomes of it. With an error the verdict does not matter: the host tries the
	// event again as configured, then sends it to the dead letters.
	Handle(event *Event) (Verdict, error)
}

// HandlerFunc is a function that is a Handler.
type HandlerFunc func(event *Event) (Verdict, error)

// Handle calls the function.
func (f HandlerFunc) Handle(event *Event) (Verdict, error) { return f(event) }

// registered is what the component's exports use.
var registered *Component

// Component is a handler as it was registered, for package sandbustest.
type Component struct {
	// Events that it wants.
	Events []string
	create func() (Handler, error)
}

// Register makes the handler of this component known, once, in a func init. The function makes the handler's value when
// an instance gets its first event; it may read the configuration, and fail: then the event's try ends in that error,
// and the next one calls it again.
//
// Events are the types that the handler wants, unless the configuration says otherwise. A pattern is compared with the
// whole type, case-sensitively; * stands for any run of characters, and nothing else is special. At most 1000 patterns
// of 1 to 256 bytes.
func Register[H Handler](create func() (H, error), events ...string) {
	if registered != nil {
		panic(fmt.Sprintf("a component has one handler: it was registered for %q, and is again for %q",
			registered.Events, events))
	}
	registered = &Component{Events: events, create: func() (Handler, error) { return create() }}
}

// HandleFunc registers a function that needs no state of its own; see Register.
func HandleFunc(handle func(event *Event) (Verdict, error), events ...string) {
	Register(func() (HandlerFunc, error) { return handle, nil }, events...)
}
