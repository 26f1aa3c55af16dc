package main

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/sandbus/sandbus/guest-sdk/go/sandbus"
)

// word is what a step does.
type word string

// step is one thing to do. A script is steps parted by ;, read strictly: no spaces around them, nothing left out. Each
// is read when it is reached.
type step struct {
	word word
	// text of those that have one: reason, message, line, name, topic.
	text string
	// kind of an error.
	kind string
	// number of lines, bytes or attempts.
	number uint64
	// micros that it takes; timed says whether a retry has a delay.
	micros uint64
	timed  bool
	// inner step of `until`.
	inner *step
}

// parseStep reads one step.
func parseStep(text string) (*step, error) {
	read, is := read(text)
	if !is {
		return nil, badStep(text)
	}
	return read, nil
}

// badStep is the error that a malformed step is.
func badStep(text string) error { return sandbus.NewError("bad_step", text) }

func read(text string) (*step, bool) {
	first, argument, has := strings.Cut(text, ":")
	if !has {
		switch first {
		case "ack", "skip", "retry", "trap", "loop", "recurse":
			return &step{word: word(first)}, true
		}
		return nil, false
	}
	read := &step{word: word(first), text: argument}
	is := true
	switch first {
	case "dead-letter", "log", "count", "publish", "throw":
	case "retry", "spin", "sleep":
		read.micros, is = duration(argument)
		read.timed = true
	case "error":
		read.kind, read.text, is = strings.Cut(argument, ":")
	case "until":
		var attempt, inner string
		attempt, inner, is = strings.Cut(argument, ":")
		if !is {
			return nil, false
		}
		if read.number, is = number(attempt); !is || read.number > math.MaxUint32 {
			return nil, false
		}
		read.inner, is = readInner(inner)
	case "alloc", "result":
		read.number, is = size(argument)
	case "log-flood":
		read.number, is = number(argument)
	default:
		return nil, false
	}
	return read, is
}

func readInner(text string) (*step, bool) { return read(text) }

// number is decimal digits and nothing else; ParseUint alone would take a sign or an underscore.
func number(text string) (uint64, bool) {
	for _, digit := range []byte(text) {
		if digit < '0' || '9' < digit {
			return 0, false
		}
	}
	number, err := strconv.ParseUint(text, 10, 64)
	return number, err == nil
}

// duration is `20ms`, `2s` or `50us`, up to the longest that is 64 bits of microseconds.
func duration(text string) (uint64, bool) {
	for _, unit := range []struct {
		name   string
		micros uint64
	}{{"us", 1}, {"ms", 1_000}, {"s", 1_000_000}} {
		if value, is := strings.CutSuffix(text, unit.name); is {
			return product(value, unit.micros)
		}
	}
	return 0, false
}

// size is `100MiB`, `64KiB`, `1GiB`, `17B` or `17`, less than the 4 GiB that a 32-bit memory can hold.
func size(text string) (uint64, bool) {
	value, unit := strings.TrimSuffix(text, "B"), uint64(1)
	for _, binary := range []struct {
		name  string
		bytes uint64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}} {
		if before, is := strings.CutSuffix(text, binary.name); is {
			value, unit = before, binary.bytes
		}
	}
	bytes, is := product(value, unit)
	return bytes, is && bytes <= math.MaxUint32
}

func product(text string, unit uint64) (uint64, bool) {
	value, is := number(text)
	high, low := bits.Mul64(value, unit)
	return low, is && high == 0
}

// time of a step. More than Go's durations hold, which is 292 years, is as good as that.
func (s *step) time() time.Duration {
	if s.micros > math.MaxInt64/1_000 {
		return math.MaxInt64
	}
	return time.Duration(s.micros) * time.Microsecond
}
