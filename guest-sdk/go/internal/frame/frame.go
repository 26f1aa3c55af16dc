// Package frame reads frames of events and writes answers, as docs/packed-frame.md has them. It knows neither host nor
// handler.
//
// A frame is read where it lies: fields by their place, text and bytes by reference, nothing copied. What is read keeps
// the frame's memory, so it stays what it is after the call.
package frame

import (
	"encoding/binary"
	"unsafe"
)

const (
	version = 1
	// Lengths of version 1. A frame names its own, which may be longer.
	headerLen = 24
	recordLen = 80
	entryLen  = 16
	maxCount  = 65_536
	// absent is the length of a reference that refers to nothing.
	absent = 0xffff_ffff
)

// Malformed is the panic of a frame that is not what the contract says. It ends the instance: the host is wrong, and no
// verdict would be right.
type Malformed string

func (m Malformed) Error() string { return "the host's frame breaks the contract: " + string(m) }

// Frame whose header holds.
type Frame struct {
	bytes []byte
	// Count of events, one or more, and of different lanes.
	Count, Lanes                   int
	headerLen, recordLen, entryLen int
	// Where the data begins, behind the records.
	data uint32
}

// Read takes the bytes, and checks their header. It panics with Malformed.
func Read(bytes []byte) *Frame {
	if len(bytes) < headerLen {
		panic(Malformed("it is shorter than a header"))
	}
	if string(bytes[:4]) != "SBEV" || binary.LittleEndian.Uint16(bytes[4:]) != version {
		panic(Malformed("magic or version is unknown"))
	}
	frame := &Frame{
		bytes:     bytes,
		headerLen: int(binary.LittleEndian.Uint16(bytes[6:])),
		recordLen: int(binary.LittleEndian.Uint16(bytes[8:])),
		entryLen:  int(binary.LittleEndian.Uint16(bytes[10:])),
		Count:     int(binary.LittleEndian.Uint32(bytes[12:])),
		Lanes:     int(binary.LittleEndian.Uint32(bytes[20:])),
	}
	fits := func(length, least int) bool { return length >= least && length%8 == 0 }
	if !fits(frame.headerLen, headerLen) || !fits(frame.recordLen, recordLen) || !fits(frame.entryLen, entryLen) {
		panic(Malformed("a length is shorter than in version 1, or no multiple of 8"))
	}
	data := uint64(frame.headerLen) + uint64(frame.Count)*uint64(frame.recordLen)
	if uint64(binary.LittleEndian.Uint32(bytes[16:])) != uint64(len(bytes)) || data > uint64(len(bytes)) {
		panic(Malformed("its length is not the one it names"))
	}
	if frame.Count < 1 || frame.Count > maxCount || frame.Lanes < 1 || frame.Lanes > frame.Count {
		panic(Malformed("no number of events or lanes"))
	}
	frame.data = uint32(data)
	return frame
}

// refer is what the reference at this place refers to, nil if to nothing.
func (f *Frame) refer(at int) []byte {
	place := f.bytes[at : at+8]
	offset, length := binary.LittleEndian.Uint32(place), binary.LittleEndian.Uint32(place[4:])
	switch {
	case length == absent:
		return nil
	case length == 0:
		return f.bytes[:0:0]
	}
	end := uint64(offset) + uint64(length)
	if offset < f.data || end > uint64(len(f.bytes)) {
		panic(Malformed("a reference does not lie within the data"))
	}
	return f.bytes[offset:end:end]
}

// Event of a frame: its record.
type Event struct {
	Frame *Frame
	at    int
}

// Event with this index, which is below the count.
func (f *Frame) Event(index int) Event { return Event{f, f.headerLen + index*f.recordLen} }

func (e Event) number(at int) uint32 { return binary.LittleEndian.Uint32(e.Frame.bytes[e.at+at:]) }

func (e Event) text(at int, what string) string {
	bytes := e.Frame.refer(e.at + at)
	if bytes == nil {
		panic(Malformed(what + " is absent"))
	}
	return unsafe.String(unsafe.SliceData(bytes), len(bytes))
}

// Lane of the event, below the frame's number of lanes.
func (e Event) Lane() int {
	lane := int(e.number(0))
	if lane >= e.Frame.Lanes {
		panic(Malformed("a lane is none of those it counts"))
	}
	return lane
}

// Attempt counts from 1.
func (e Event) Attempt() uint32 { return e.number(4) }

// Partition of the record.
func (e Event) Partition() uint32 { return e.number(8) }

// Offset in the partition.
func (e Event) Offset() uint64 { return binary.LittleEndian.Uint64(e.Frame.bytes[e.at+16:]) }

// Timestamp in milliseconds since 1970, if there is one.
func (e Event) Timestamp() (int64, bool) {
	millis := int64(binary.LittleEndian.Uint64(e.Frame.bytes[e.at+24:]))
	if millis < -1 {
		panic(Malformed("a timestamp is before 1970"))
	}
	return millis, millis >= 0
}

// Topic of the record.
func (e Event) Topic() string { return e.text(32, "a topic") }

// Type of the event.
func (e Event) Type() string { return e.text(40, "a type") }

// ID of the event, if it has one of its own.
func (e Event) ID() (string, bool) {
	bytes := e.Frame.refer(e.at + 48)
	return unsafe.String(unsafe.SliceData(bytes), len(bytes)), bytes != nil
}

// Key, nil if absent.
func (e Event) Key() []byte { return e.Frame.refer(e.at + 56) }

// Value, nil if absent.
func (e Event) Value() []byte { return e.Frame.refer(e.at + 64) }

// Headers is a table of entries.
func (e Event) Headers() Headers {
	count := int(e.number(12))
	table := e.Frame.refer(e.at + 72)
	if table == nil {
		panic(Malformed("a table of headers is absent"))
	}
	if uint64(count)*uint64(e.Frame.entryLen) != uint64(len(table)) {
		panic(Malformed("a table of headers has another length than its entries"))
	}
	// Where it lies: its reference, which has been checked, unless there are no entries.
	return Headers{Frame: e.Frame, Count: count, at: int(binary.LittleEndian.Uint32(e.Frame.bytes[e.at+72:]))}
}

// Headers of an event.
type Headers struct {
	Frame *Frame
	Count int
	at    int
}

// Name of a header.
func (h Headers) Name(index int) string {
	name := h.Frame.refer(h.at + index*h.Frame.entryLen)
	if name == nil {
		panic(Malformed("a header's name is absent"))
	}
	return unsafe.String(unsafe.SliceData(name), len(name))
}

// Value of a header, nil if absent.
func (h Headers) Value(index int) []byte { return h.Frame.refer(h.at + index*h.Frame.entryLen + 8) }
