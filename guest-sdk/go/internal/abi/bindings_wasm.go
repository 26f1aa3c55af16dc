// Code generated from wit/ by `UPDATE_DOCS=1 cargo test --release -p sandbus --test go_bindings`. DO NOT EDIT.

//go:build wasm

// Package abi is the border to the host as the canonical ABI of the component model has it: functions of plain
// numbers, and structs that lie in memory as both sides read them.
package abi

import "unsafe"

// Slice is a string or a list in memory: where it begins, and how many elements it has. The garbage collector does not
// see it.
type Slice struct {
	Data uint32
	Len  uint32
}

// Option is a value that may be absent. Some is 1 where it is there.
type Option[T any] struct {
	Some  uint8
	Value T
}

// Pair is a tuple of two.
type Pair[A, B any] struct {
	First  A
	Second B
}

// Level: How much a line matters.
type Level uint32

const (
	LevelTrace Level = 0
	LevelDebug Level = 1
	LevelInfo  Level = 2
	LevelWarn  Level = 3
	LevelError Level = 4
)

// LoggingLog: Writes one line. Lines of failed tries are written too.
//
//go:wasmimport sandbus:handler/logging@0.1.0 log
//go:noescape
func LoggingLog(p0 uint32, p1 unsafe.Pointer, p2 uint32)

// ConfigGetResult is what ConfigGet answers.
type ConfigGetResult = Option[Slice]

var _ [12]byte = [unsafe.Sizeof(ConfigGetResult{})]byte{}

// ConfigGet: The value of a key, if it is set. Numbers and booleans read as TOML writes them.
//
//go:wasmimport sandbus:handler/config@0.1.0 get
func ConfigGet(p0 unsafe.Pointer, p1 uint32, p2 unsafe.Pointer)

// ConfigEntriesResult is what ConfigEntries answers.
type ConfigEntriesResult = Slice

var _ [8]byte = [unsafe.Sizeof(ConfigEntriesResult{})]byte{}

// ConfigEntries: Every key with its value, sorted by key.
//
//go:wasmimport sandbus:handler/config@0.1.0 entries
func ConfigEntries(p0 unsafe.Pointer)

// Header: One Kafka header. Names may repeat; the order is the record's own.
type Header struct {
	Name  Slice
	Value Option[Slice]
}

var _ [20]byte = [unsafe.Sizeof(Header{})]byte{}

// Event: One Kafka record, as a handler sees it.
type Event struct {
	Topic     Slice
	Partition uint32
	Offset    uint64
	Timestamp Option[uint64]
	Key       Option[Slice]
	Value     Option[Slice]
	Headers   Slice
	Id        Slice
	EventType Slice
	Attempt   uint32
}

var _ [96]byte = [unsafe.Sizeof(Event{})]byte{}

// Verdict says: What becomes of the event.
type Verdict struct {
	Case    uint8
	Payload [2]uint64
}

const (
	VerdictAck        = 0
	VerdictSkip       = 1
	VerdictRetry      = 2
	VerdictDeadLetter = 3
)

// Retry is the payload of the case VerdictRetry.
func (v *Verdict) Retry() *Option[uint64] { return (*Option[uint64])(unsafe.Pointer(&v.Payload)) }

// DeadLetter is the payload of the case VerdictDeadLetter.
func (v *Verdict) DeadLetter() *Slice { return (*Slice)(unsafe.Pointer(&v.Payload)) }

var _ [24]byte = [unsafe.Sizeof(Verdict{})]byte{}

// Error: The try failed; the host retries it as configured, then sends it to the dead letters.
type Error struct {
	Kind    Slice
	Message Slice
}

var _ [16]byte = [unsafe.Sizeof(Error{})]byte{}

// Refusal: Why the host did not do what an import was asked for. The try goes on.
type Refusal struct {
	Code    Slice
	Message Slice
}

var _ [16]byte = [unsafe.Sizeof(Refusal{})]byte{}

// Message: A record to send. The partition is chosen from the key as Kafka's own clients do (murmur2).
type Message struct {
	Topic   Slice
	Key     Option[Slice]
	Value   Option[Slice]
	Headers Slice
}

var _ [40]byte = [unsafe.Sizeof(Message{})]byte{}

// PublishSendResult is what PublishSend answers.
type PublishSendResult struct {
	Case    uint8
	Payload [4]uint32
}

const (
	PublishSendResultOk  = 0
	PublishSendResultErr = 1
)

// Err is the payload of the case PublishSendResultErr.
func (v *PublishSendResult) Err() *Refusal { return (*Refusal)(unsafe.Pointer(&v.Payload)) }

var _ [20]byte = [unsafe.Sizeof(PublishSendResult{})]byte{}

// PublishSend: Takes the message into the try's outbox. Refusals: `denied`, `too_large`, `bad_topic`.
//
//go:wasmimport sandbus:handler/publish@0.1.0 send
func PublishSend(p0 unsafe.Pointer, p1 uint32, p2 uint32, p3 unsafe.Pointer, p4 uint32, p5 uint32, p6 unsafe.Pointer, p7 uint32, p8 unsafe.Pointer, p9 uint32, p10 unsafe.Pointer)

// MetricsCounterAddResult is what MetricsCounterAdd answers.
type MetricsCounterAddResult struct {
	Case    uint8
	Payload [4]uint32
}

const (
	MetricsCounterAddResultOk  = 0
	MetricsCounterAddResultErr = 1
)

// Err is the payload of the case MetricsCounterAddResultErr.
func (v *MetricsCounterAddResult) Err() *Refusal { return (*Refusal)(unsafe.Pointer(&v.Payload)) }

var _ [20]byte = [unsafe.Sizeof(MetricsCounterAddResult{})]byte{}

// MetricsCounterAdd: Adds to `sandbus.guest.counter.<name>`.
//
//go:wasmimport sandbus:handler/metrics@0.1.0 counter-add
func MetricsCounterAdd(p0 unsafe.Pointer, p1 uint32, p2 uint64, p3 unsafe.Pointer, p4 uint32, p5 unsafe.Pointer)

// MetricsHistogramRecordResult is what MetricsHistogramRecord answers.
type MetricsHistogramRecordResult struct {
	Case    uint8
	Payload [4]uint32
}

const (
	MetricsHistogramRecordResultOk  = 0
	MetricsHistogramRecordResultErr = 1
)

// Err is the payload of the case MetricsHistogramRecordResultErr.
func (v *MetricsHistogramRecordResult) Err() *Refusal { return (*Refusal)(unsafe.Pointer(&v.Payload)) }

var _ [20]byte = [unsafe.Sizeof(MetricsHistogramRecordResult{})]byte{}

// MetricsHistogramRecord: Records a value in `sandbus.guest.histogram.<name>`. Must be finite.
//
//go:wasmimport sandbus:handler/metrics@0.1.0 histogram-record
func MetricsHistogramRecord(p0 unsafe.Pointer, p1 uint32, p2 float64, p3 unsafe.Pointer, p4 uint32, p5 unsafe.Pointer)

// MetricsUpdownAddResult is what MetricsUpdownAdd answers.
type MetricsUpdownAddResult struct {
	Case    uint8
	Payload [4]uint32
}

const (
	MetricsUpdownAddResultOk  = 0
	MetricsUpdownAddResultErr = 1
)

// Err is the payload of the case MetricsUpdownAddResultErr.
func (v *MetricsUpdownAddResult) Err() *Refusal { return (*Refusal)(unsafe.Pointer(&v.Payload)) }

var _ [20]byte = [unsafe.Sizeof(MetricsUpdownAddResult{})]byte{}

// MetricsUpdownAdd: Adds to, or takes from, `sandbus.guest.updown.<name>`.
//
//go:wasmimport sandbus:handler/metrics@0.1.0 updown-add
func MetricsUpdownAdd(p0 unsafe.Pointer, p1 uint32, p2 uint64, p3 unsafe.Pointer, p4 uint32, p5 unsafe.Pointer)

// BatchAt: Must be called before the first import call for each event, with the event's index in the
// frame, from 0, so that the host knows which event published, logged or counted. Out of range
// is the fault `bad_result`.
//
//go:wasmimport sandbus:handler/batch@0.1.0 at
//go:noescape
func BatchAt(p0 uint32)

// Description: The answer of `describe`.
type Description struct {
	Events     Slice
	Attributes Slice
}

var _ [16]byte = [unsafe.Sizeof(Description{})]byte{}

// DescriptorDescribeResult is what DescriptorDescribe answers.
type DescriptorDescribeResult = Description

var _ [16]byte = [unsafe.Sizeof(DescriptorDescribeResult{})]byte{}

// OnDescriptorDescribe: What this component is and wants.
var OnDescriptorDescribe func() unsafe.Pointer

//go:wasmexport sandbus:handler/descriptor@0.1.0#describe
func exportDescriptorDescribe() unsafe.Pointer {
	return OnDescriptorDescribe()
}

// TypedHandleResult is what TypedHandle answers.
type TypedHandleResult struct {
	Case    uint8
	Payload [3]uint64
}

const (
	TypedHandleResultOk  = 0
	TypedHandleResultErr = 1
)

// Ok is the payload of the case TypedHandleResultOk.
func (v *TypedHandleResult) Ok() *Verdict { return (*Verdict)(unsafe.Pointer(&v.Payload)) }

// Err is the payload of the case TypedHandleResultErr.
func (v *TypedHandleResult) Err() *Error { return (*Error)(unsafe.Pointer(&v.Payload)) }

var _ [32]byte = [unsafe.Sizeof(TypedHandleResult{})]byte{}

// OnTypedHandle: Handles one event.
//
// An instance runs one call at a time. It may be used again for later events, or not: state
// that must survive belongs elsewhere. A trap, a limit that is passed or an ill-formed answer
// is a fault: the instance is thrown away, and the event is retried.
var OnTypedHandle func(p0 unsafe.Pointer) unsafe.Pointer

//go:wasmexport sandbus:handler/typed@0.1.0#handle
func exportTypedHandle(p0 unsafe.Pointer) unsafe.Pointer {
	return OnTypedHandle(p0)
}

// PackedHandleResult is what PackedHandle answers.
type PackedHandleResult = Slice

var _ [8]byte = [unsafe.Sizeof(PackedHandleResult{})]byte{}

// OnPackedHandle: Takes a frame of events, answers a frame of verdicts. Both are specified byte by byte in
// `docs/packed-frame.md`.
var OnPackedHandle func(p0 unsafe.Pointer, p1 uint32) unsafe.Pointer

//go:wasmexport sandbus:handler/packed@0.1.0#handle
func exportPackedHandle(p0 unsafe.Pointer, p1 uint32) unsafe.Pointer {
	return OnPackedHandle(p0, p1)
}
