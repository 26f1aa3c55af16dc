package sandbus

import (
	"log/slog"
	"path"
	"runtime/debug"
	"time"
	"unsafe"

	"github.com/sandbus/sandbus/guest-sdk/go/internal/abi"
	"github.com/sandbus/sandbus/guest-sdk/go/internal/frame"
	"github.com/sandbus/sandbus/guest-sdk/go/internal/host"
)

// Version of this SDK.
const sdk = "sandbus-sdk-go 0.1.0"

// theInstance is the only one: a component's memory is one instance.
var theInstance instance

// softLimit is where the garbage collector begins to work harder: below the 64 MiB that a handler has by default, which
// garbage alone could pass otherwise. There is no environment to set GOMEMLIMIT in.
const softLimit = 48 << 20

func init() {
	debug.SetMemoryLimit(softLimit)
	slog.SetDefault(slog.New(LogHandler()))
	abi.OnDescriptorDescribe = describe
	abi.OnTypedHandle = handleTyped
	abi.OnPackedHandle = handlePacked
}

func component() *Component {
	if registered == nil {
		panic("no handler is registered: call sandbus.Register or sandbus.HandleFunc in a func init of package main")
	}
	return registered
}

// What is answered stays where it is until the next call.
var (
	description  abi.DescriptorDescribeResult
	typedResult  abi.TypedHandleResult
	packedResult abi.PackedHandleResult
)

// describe says what the component is and wants.
func describe() unsafe.Pointer {
	host.Enter()
	events := make([]abi.Slice, len(component().Events))
	for i, event := range component().Events {
		events[i] = host.OfText(event)
	}
	type attribute = abi.Pair[abi.Slice, abi.Slice]
	attributes := []attribute{
		{First: host.OfText("sdk"), Second: host.OfText(sdk)},
		{First: host.OfText("language"), Second: host.OfText("go")},
	}
	if build, is := debug.ReadBuildInfo(); is {
		name, version := path.Base(build.Main.Path), build.Main.Version
		keptNames = []string{name, version}
		attributes = append(attributes,
			attribute{First: host.OfText("name"), Second: host.OfText(name)},
			attribute{First: host.OfText("version"), Second: host.OfText(version)})
	}
	description = abi.Description{Events: host.OfElements(events), Attributes: host.OfElements(attributes)}
	keptEvents, keptAttributes = events, attributes
	host.Leave()
	return unsafe.Pointer(&description)
}

// What the description refers to by numbers, which the garbage collector does not follow.
var (
	keptEvents     []abi.Slice
	keptAttributes []abi.Pair[abi.Slice, abi.Slice]
	keptNames      []string
	keptVerdict    Verdict
	keptError      *Error
	keptAnswer     []byte
)

// handleTyped handles one event by the typed way.
func handleTyped(given unsafe.Pointer) unsafe.Pointer {
	host.Enter()
	theInstance.component = component()
	event := lift((*abi.Event)(given))
	host.Release()
	verdict, failed := theInstance.run(event)
	typedResult = abi.TypedHandleResult{}
	if failed != nil {
		failed = &Error{kind: text(failed.kind), message: text(failed.message)}
		typedResult.Case = abi.TypedHandleResultErr
		*typedResult.Err() = abi.Error{Kind: host.OfText(failed.kind), Message: host.OfText(failed.message)}
	} else {
		verdict.reason = text(verdict.reason)
		lower(verdict, typedResult.Ok())
	}
	keptVerdict, keptError = verdict, failed
	host.Leave()
	return unsafe.Pointer(&typedResult)
}

func lower(verdict Verdict, into *abi.Verdict) {
	switch verdict.code {
	case frame.Ack:
		into.Case = abi.VerdictAck
	case frame.Skip:
		into.Case = abi.VerdictSkip
	case frame.Retry:
		into.Case = abi.VerdictRetry
		if verdict.after {
			*into.Retry() = abi.Option[uint64]{Some: 1, Value: verdict.millis()}
		}
	case frame.DeadLetter:
		into.Case = abi.VerdictDeadLetter
		*into.DeadLetter() = host.OfText(verdict.reason)
	}
}

func lift(given *abi.Event) *Event {
	taken := &record{
		topic:     host.Text(given.Topic),
		partition: given.Partition,
		offset:    given.Offset,
		key:       optional(given.Key),
		value:     optional(given.Value),
		id:        host.Text(given.Id),
		eventType: host.Text(given.EventType),
		attempt:   given.Attempt,
	}
	if given.Timestamp.Some != 0 {
		taken.timestamp = time.UnixMilli(int64(given.Timestamp.Value))
	}
	for _, header := range host.Elements[abi.Header](given.Headers) {
		taken.headers = append(taken.headers, Header{host.Text(header.Name), optional(header.Value)})
	}
	return &Event{record: taken}
}

func optional(option abi.Option[abi.Slice]) []byte {
	if option.Some == 0 {
		return nil
	}
	return host.Bytes(option.Value)
}

// handlePacked handles many events by the packed way.
func handlePacked(given unsafe.Pointer, length uint32) unsafe.Pointer {
	host.Enter()
	theInstance.component = component()
	bytes := unsafe.Slice((*byte)(given), length)
	host.Release()
	keptAnswer = theInstance.runFrame(bytes)
	packedResult = host.OfBytes(keptAnswer)
	host.Leave()
	return unsafe.Pointer(&packedResult)
}
