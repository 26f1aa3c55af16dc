package frame

import "encoding/binary"

// Codes of verdicts.
const (
	Ack        = 1
	Skip       = 2
	Retry      = 3
	DeadLetter = 4
	Error      = 5
	NotRun     = 6
)

const verdictLen = 32

// Answer in the making: all records from the beginning, texts behind them. One is used again and again, so that it
// needs memory once.
type Answer struct {
	bytes []byte
	next  int
}

// Begin an answer to so many events.
func (a *Answer) Begin(count int) {
	length := headerLen + verdictLen*count
	if cap(a.bytes) < length {
		a.bytes = make([]byte, length)
	}
	a.bytes = a.bytes[:length]
	// Code 0 is no verdict.
	clear(a.bytes)
	copy(a.bytes, "SBVD")
	binary.LittleEndian.PutUint16(a.bytes[4:], version)
	binary.LittleEndian.PutUint16(a.bytes[6:], headerLen)
	binary.LittleEndian.PutUint16(a.bytes[8:], verdictLen)
	binary.LittleEndian.PutUint32(a.bytes[12:], uint32(count))
	a.next = headerLen
}

// record begins the next one, without delay, kind and text.
func (a *Answer) record(code byte) []byte {
	record := a.bytes[a.next : a.next+verdictLen]
	a.next += verdictLen
	record[0] = code
	binary.LittleEndian.PutUint32(record[20:], absent)
	binary.LittleEndian.PutUint32(record[28:], absent)
	return record
}

// Plain answers the next event with a verdict that has nothing beside it: Ack, Skip, Retry or NotRun.
func (a *Answer) Plain(code byte) { a.record(code) }

// RetryAfter answers the next event with a retry after so many milliseconds.
func (a *Answer) RetryAfter(millis uint64) {
	record := a.record(Retry)
	record[1] = 1
	binary.LittleEndian.PutUint64(record[8:], millis)
}

// DeadLetter answers the next event with a dead letter.
func (a *Answer) DeadLetter(reason string) {
	a.record(DeadLetter)
	a.text(a.next-8, reason)
}

// Error answers the next event with an error.
func (a *Answer) Error(kind, message string) {
	a.record(Error)
	a.text(a.next-16, kind)
	a.text(a.next-8, message)
}

// text is written behind what is there, and referred to at this place.
func (a *Answer) text(at int, text string) {
	offset := len(a.bytes)
	if text == "" {
		offset = 0
	}
	a.bytes = append(a.bytes, text...)
	binary.LittleEndian.PutUint32(a.bytes[at:], uint32(offset))
	binary.LittleEndian.PutUint32(a.bytes[at+4:], uint32(len(text)))
}

// Finish gives the bytes, once each event is answered. They are good until the next Begin.
func (a *Answer) Finish() []byte {
	binary.LittleEndian.PutUint32(a.bytes[16:], uint32(len(a.bytes)))
	return a.bytes
}

// Lanes that go no further in a frame. A frame in which none stops does not touch the table at all.
type Lanes struct {
	table []bool
	lanes int
	any   bool
}

// Begin a frame of so many lanes, all going.
func (l *Lanes) Begin(lanes int) { l.lanes, l.any = lanes, false }

// Stopped says whether the event's lane has stopped.
func (l *Lanes) Stopped(event Event) bool { return l.any && l.table[event.Lane()] }

// Stop the event's lane.
func (l *Lanes) Stop(event Event) {
	if !l.any {
		if cap(l.table) < l.lanes {
			l.table = make([]bool, l.lanes)
		}
		l.table = l.table[:l.lanes]
		clear(l.table)
		l.any = true
	}
	l.table[event.Lane()] = true
}
