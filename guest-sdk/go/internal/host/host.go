// Package host is the one door to the host: the WIT imports in WebAssembly, a recording test host natively.
package host

import "strings"

// Level of a log line, as the contract counts them.
type Level uint32

// How much a line matters.
const (
	Trace Level = iota
	Debug
	Info
	Warn
	Error
)

// Header of a message. A nil value is absent.
type Header struct {
	Name  string
	Value []byte
}

// Message to publish. Nil keys and values are absent.
type Message struct {
	Topic   string
	Key     []byte
	Value   []byte
	Headers []Header
}

// Attribute of a metric.
type Attribute struct {
	Key   string
	Value string
}

// Refusal says why the host did not do what an import was asked for.
type Refusal struct {
	// Code is the host's word for programs.
	Code string
	// Message is for people.
	Message string
}

func (r *Refusal) Error() string { return r.Message }

// Kind is the code, well formed as a kind of error.
func (r *Refusal) Kind() string { return strings.ReplaceAll(r.Code, "-", "_") }

// none says that no event waits to be announced.
const none = -1

// unannounced is the index in the frame of the event that is worked on, until the host knows it.
var unannounced = none

// WorkOn says which event of a frame of several is worked on from here on. The host is told with the first import that
// the event calls: most call none, and then it costs nothing.
func WorkOn(index int) { unannounced = index }

// WorkOnNone ends what WorkOn began: what is called from here on belongs to no frame of several.
func WorkOnNone() { unannounced = none }

// announce tells the host which event calls, if it does not know. It goes before every import that counts for an event.
func announce() {
	wait()
	if unannounced != none {
		index := unannounced
		unannounced = none
		batchAt(uint32(index))
	}
}
