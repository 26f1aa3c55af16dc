package host

import (
	"math"
	"runtime"
	"unsafe"

	"github.com/sandbus/sandbus/guest-sdk/go/internal/abi"
)

func batchAt(index uint32) { abi.BatchAt(index) }

// inCall says whether the host may be called: not while it has this module allocate, which may be when the garbage
// collector runs, or a goroutine that was left behind. While the component is instantiated it may.
var inCall = true

// Enter and Leave stand at the beginning and the end of each call of the host. The adapter for WASI has to know, too: the
// runtime reads clocks whenever it likes.
func Enter() {
	inCall = true
	mayLeave(1)
}

// Leave is the end of what Enter began.
func Leave() {
	inCall = false
	mayLeave(0)
}

//go:wasmimport wasi_snapshot_preview1 sandbus_may_leave
func mayLeave(may uint32)

// wait until the host may be called.
func wait() {
	for !inCall {
		runtime.Gosched()
	}
}

// Log writes one line.
func Log(level Level, line string) {
	announce()
	abi.LoggingLog(uint32(level), unsafe.Pointer(unsafe.StringData(line)), uint32(len(line)))
}

// ConfigGet is the value of a key of the configuration, if it is set.
func ConfigGet(key string) (string, bool) {
	announce()
	var result abi.ConfigGetResult
	Leave()
	abi.ConfigGet(unsafe.Pointer(unsafe.StringData(key)), uint32(len(key)), unsafe.Pointer(&result))
	Enter()
	if result.Some == 0 {
		return "", false
	}
	value := Text(result.Value)
	Release()
	return value, true
}

// ConfigEntries is every key with its value, sorted by key.
func ConfigEntries() []Attribute {
	announce()
	var result abi.ConfigEntriesResult
	Leave()
	abi.ConfigEntries(unsafe.Pointer(&result))
	Enter()
	pairs := Elements[abi.Pair[abi.Slice, abi.Slice]](result)
	entries := make([]Attribute, len(pairs))
	for i, pair := range pairs {
		entries[i] = Attribute{Text(pair.First), Text(pair.Second)}
	}
	Release()
	return entries
}

// Publish takes the message into the try's outbox.
func Publish(message *Message) error {
	announce()
	headers := make([]abi.Header, len(message.Headers))
	for i := range message.Headers {
		header := &message.Headers[i]
		headers[i].Name = OfText(header.Name)
		if header.Value != nil {
			headers[i].Value = abi.Option[abi.Slice]{Some: 1, Value: OfBytes(header.Value)}
		}
	}
	isKey, isValue := uint32(0), uint32(0)
	if message.Key != nil {
		isKey = 1
	}
	if message.Value != nil {
		isValue = 1
	}
	var result abi.PublishSendResult
	Leave()
	abi.PublishSend(
		unsafe.Pointer(unsafe.StringData(message.Topic)), uint32(len(message.Topic)),
		isKey, unsafe.Pointer(unsafe.SliceData(message.Key)), uint32(len(message.Key)),
		isValue, unsafe.Pointer(unsafe.SliceData(message.Value)), uint32(len(message.Value)),
		unsafe.Pointer(unsafe.SliceData(headers)), uint32(len(headers)),
		unsafe.Pointer(&result),
	)
	Enter()
	runtime.KeepAlive(message)
	if result.Case == abi.PublishSendResultOk {
		return nil
	}
	return refusal(result.Err())
}

// CounterAdd adds to a counter.
func CounterAdd(name string, value uint64, attributes []Attribute) error {
	announce()
	pairs, length := pairs(attributes)
	var result abi.MetricsCounterAddResult
	Leave()
	abi.MetricsCounterAdd(
		unsafe.Pointer(unsafe.StringData(name)), uint32(len(name)), value, pairs, length, unsafe.Pointer(&result))
	Enter()
	runtime.KeepAlive(attributes)
	if result.Case == abi.MetricsCounterAddResultOk {
		return nil
	}
	return refusal(result.Err())
}

// HistogramRecord records a value in a histogram.
func HistogramRecord(name string, value float64, attributes []Attribute) error {
	announce()
	pairs, length := pairs(attributes)
	var result abi.MetricsHistogramRecordResult
	Leave()
	abi.MetricsHistogramRecord(
		unsafe.Pointer(unsafe.StringData(name)), uint32(len(name)), value, pairs, length, unsafe.Pointer(&result))
	Enter()
	runtime.KeepAlive(attributes)
	if result.Case == abi.MetricsHistogramRecordResultOk {
		return nil
	}
	return refusal(result.Err())
}

// UpDownAdd adds to, or takes from, an up-down counter.
func UpDownAdd(name string, value int64, attributes []Attribute) error {
	announce()
	pairs, length := pairs(attributes)
	var result abi.MetricsUpdownAddResult
	Leave()
	abi.MetricsUpdownAdd(
		unsafe.Pointer(unsafe.StringData(name)), uint32(len(name)), uint64(value), pairs, length, unsafe.Pointer(&result))
	Enter()
	runtime.KeepAlive(attributes)
	if result.Case == abi.MetricsUpdownAddResultOk {
		return nil
	}
	return refusal(result.Err())
}

func refusal(refused *abi.Refusal) error {
	refusal := &Refusal{Code: Text(refused.Code), Message: Text(refused.Message)}
	Release()
	return refusal
}

func pairs(attributes []Attribute) (unsafe.Pointer, uint32) {
	pairs := make([]abi.Pair[abi.Slice, abi.Slice], len(attributes))
	for i, attribute := range attributes {
		pairs[i] = abi.Pair[abi.Slice, abi.Slice]{First: OfText(attribute.Key), Second: OfText(attribute.Value)}
	}
	return unsafe.Pointer(unsafe.SliceData(pairs)), uint32(len(pairs))
}

// === memory that crosses the border ===

// held is what the host has allocated and nothing else refers to yet: the collector must see it.
var held []unsafe.Pointer

// realloc is how the host gets memory for what it passes. Memory is never moved and never freed here: what has been
// lifted out of it keeps it, and the garbage collector takes it afterwards. Until the host calls on, or has answered, it
// must not be called.
//
//go:wasmexport cabi_realloc
func realloc(old unsafe.Pointer, oldLength, align, length uint32) unsafe.Pointer {
	Leave()
	var memory unsafe.Pointer
	if align == 1 {
		memory = unsafe.Pointer(unsafe.SliceData(make([]byte, max(length, 1))))
	} else {
		memory = unsafe.Pointer(unsafe.SliceData(make([]uint64, max(length+7, 8)/8)))
	}
	if old != nil {
		copy(unsafe.Slice((*byte)(memory), length), unsafe.Slice((*byte)(old), oldLength))
	}
	held = append(held, memory)
	return memory
}

// Release gives up what the host has allocated, once all of it is lifted.
func Release() {
	clear(held)
	held = held[:0]
}

// Text is a string where it lies.
func Text(slice abi.Slice) string {
	return unsafe.String((*byte)(pointer(slice)), slice.Len)
}

// Bytes is a list of bytes where it lies. It is not nil, whatever its length.
func Bytes(slice abi.Slice) []byte {
	if slice.Len == 0 {
		return []byte{}
	}
	return unsafe.Slice((*byte)(pointer(slice)), slice.Len)
}

// Elements is a list of others where it lies.
func Elements[T any](slice abi.Slice) []T {
	return unsafe.Slice((*T)(pointer(slice)), slice.Len)
}

func pointer(slice abi.Slice) unsafe.Pointer {
	if slice.Len == 0 {
		return nil
	}
	address := uintptr(slice.Data)
	// A pointer of the host's is one into memory that `realloc` has given; vet cannot know.
	return *(*unsafe.Pointer)(unsafe.Pointer(&address))
}

// OfText is a string as the host reads it. It stays where it is while the host does.
func OfText(text string) abi.Slice {
	return abi.Slice{Data: address(unsafe.Pointer(unsafe.StringData(text))), Len: uint32(len(text))}
}

// OfBytes is a list of bytes as the host reads it.
func OfBytes(bytes []byte) abi.Slice {
	return abi.Slice{Data: address(unsafe.Pointer(unsafe.SliceData(bytes))), Len: uint32(len(bytes))}
}

// OfElements is a list of others as the host reads it.
func OfElements[T any](elements []T) abi.Slice {
	return abi.Slice{Data: address(unsafe.Pointer(unsafe.SliceData(elements))), Len: uint32(len(elements))}
}

var sink unsafe.Pointer

// address is a pointer as the host has it. What it points to must not lie on a goroutine's stack, which may move while
// the host allocates: the assignment that never happens makes the compiler put it on the heap.
func address(pointer unsafe.Pointer) uint32 {
	number := uintptr(pointer)
	if uint64(number) > math.MaxUint32 {
		sink = pointer
	}
	return uint32(number)
}

// lineBuffer is where the host's adapter for WASI puts lines of standard output and error together.
var lineBuffer [4096]byte

//go:wasmimport wasi_snapshot_preview1 sandbus_line_buffer
func lendLineBuffer(buffer unsafe.Pointer, length uint32)

func init() {
	lendLineBuffer(unsafe.Pointer(&lineBuffer), uint32(len(lineBuffer)))
}
