package sandbus

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sandbus/sandbus/guest-sdk/go/internal/frame"
)

// Verdict says what becomes of an event. The zero value is none: it goes with an error.
type Verdict struct {
	code   byte
	after  bool
	delay  time.Duration
	reason string
}

var (
	// Ack: done. What this try published leaves for the broker, and then the event is final.
	Ack = Verdict{code: frame.Ack}
	// Skip: done, and nothing was to be done. What this try published is dropped.
	Skip = Verdict{code: frame.Skip}
	// Retry: try again after the configured delay. Counts as a try.
	Retry = Verdict{code: frame.Retry}
)

// RetryAfter says to try again after that time, in milliseconds, rounded up; at most the configured retry_max_delay.
func RetryAfter(delay time.Duration) Verdict {
	return Verdict{code: frame.Retry, after: true, delay: max(delay, 0)}
}

// DeadLetter gives up now, with a reason for the person who reads the dead letters. The host keeps the first 1000
// characters.
func DeadLetter(reason string) Verdict { return Verdict{code: frame.DeadLetter, reason: reason} }

// DeadLetterf is DeadLetter with a reason that is formatted.
func DeadLetterf(format string, arguments ...any) Verdict {
	return DeadLetter(fmt.Sprintf(format, arguments...))
}

// Err is the verdict as an error, for a function deep inside that ends the try: a handler that returns it, wrapped or
// not, ends in the verdict as if it had returned that.
func (v Verdict) Err() error { return &early{v} }

// String is the verdict in the words of `sandbus test`.
func (v Verdict) String() string {
	switch {
	case v.code == frame.Ack:
		return "ack"
	case v.code == frame.Skip:
		return "skip"
	case v.code == frame.Retry && v.after:
		return "retry after " + v.delay.String()
	case v.code == frame.Retry:
		return "retry"
	case v.code == frame.DeadLetter:
		return "dead-letter: " + v.reason
	}
	return "no verdict"
}

// early is a verdict on its way out as an error.
type early struct{ verdict Verdict }

func (e *early) Error() string { return e.verdict.String() }

// millis is a delay as the contract counts it: rounded up, so that it is never shortened.
func (v Verdict) millis() uint64 {
	if v.delay > math.MaxInt64-time.Millisecond {
		return math.MaxInt64 / uint64(time.Millisecond)
	}
	return uint64((v.delay + time.Millisecond - 1) / time.Millisecond)
}

// settle is the end of a try, without the way it came about: a verdict, or an error with its kind.
func settle(verdict Verdict, err error) (Verdict, *Error) {
	if err == nil {
		if verdict.code == 0 {
			return verdict, &Error{kind: "no_verdict", message: "the handler returned neither a verdict nor an error"}
		}
		return verdict, nil
	}
	var end *early
	if errors.As(err, &end) && end.verdict.code != 0 {
		return end.verdict, nil
	}
	return Verdict{}, asError(err)
}
