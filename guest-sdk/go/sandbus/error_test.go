//go:build !wasm

package sandbus

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"strconv"
	"testing"
	"time"
)

type typed[T any] struct{}

func (typed[T]) Error() string { return "typed" }

func TestKindsAreNamesOfTypes(t *testing.T) {
	_, number := strconv.Atoi("x")
	syntax := json.Unmarshal([]byte("x"), new(int))
	for _, wanted := range []struct {
		err  error
		kind string
	}{
		{number, "NumError"},
		{syntax, "SyntaxError"},
		{fmt.Errorf("wrapped: %w", number), "NumError"},
		{errors.Join(errors.New("a"), number), "error"},
		{errors.Join(number), "NumError"},
		{errors.New("text"), "error"},
		{&url.Error{Err: errors.New("x")}, "url.Error"},
		{&fs.PathError{Err: fs.ErrNotExist}, "PathError"},
		{typed[int]{}, "typed"},
		{NewError("own", "m"), "own"},
		{fmt.Errorf("wrapped: %w", NewError("own", "m")), "own"},
		{Errorf("own", "%w", number), "own"},
		{&Refusal{Code: "too-large", Message: "m"}, "too_large"},
	} {
		if _, failed := settle(Ack, wanted.err); failed == nil || failed.kind != wanted.kind {
			t.Errorf("%T: %v", wanted.err, failed)
		} else if failed.message != wanted.err.Error() {
			t.Errorf("%T: %q", wanted.err, failed.message)
		}
	}
}

func TestVerdictsComeEarlyAndNoneIsAnError(t *testing.T) {
	if verdict, failed := settle(Verdict{}, fmt.Errorf("deep: %w", Skip.Err())); failed != nil || verdict != Skip {
		t.Error(verdict, failed)
	}
	if _, failed := settle(Verdict{}, nil); failed == nil || failed.kind != "no_verdict" {
		t.Error(failed)
	}
	if _, failed := settle(Ack, Verdict{}.Err()); failed == nil {
		t.Error("no verdict at all is none to end in")
	}
}

func TestDelaysAreNeverShortened(t *testing.T) {
	for delay, millis := range map[time.Duration]uint64{
		0: 0, 1: 1, 250 * time.Millisecond: 250, 250_001 * time.Microsecond: 251, -time.Second: 0,
		math.MaxInt64: math.MaxInt64 / 1_000_000,
	} {
		if got := RetryAfter(delay).millis(); got != millis {
			t.Errorf("%v: %d", delay, got)
		}
	}
}
