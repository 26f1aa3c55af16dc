package main

import (
	"log/slog"
	"strings"
	"time"

	"github.com/sandbus/sandbus/guest-sdk/go/sandbus"
	"github.com/sandbus/sandbus/guest-sdk/go/sandbus/metrics"
)

// run carries out a script: steps in order, the first verdict ends it, without one it is ack. An empty one has no steps.
func run(script string, event *sandbus.Event) (sandbus.Verdict, error) {
	if script == "" {
		return sandbus.Ack, nil
	}
	for text := range strings.SplitSeq(script, ";") {
		step, err := parseStep(text)
		if err != nil {
			return sandbus.Verdict{}, err
		}
		verdict, err := step.run(event)
		if err != nil || verdict != (sandbus.Verdict{}) {
			return verdict, err
		}
	}
	return sandbus.Ack, nil
}

// run one step; a verdict ends the script.
func (s *step) run(event *sandbus.Event) (none sandbus.Verdict, err error) {
	switch s.word {
	case "ack":
		return sandbus.Ack, nil
	case "skip":
		return sandbus.Skip, nil
	case "retry":
		if s.timed {
			return sandbus.RetryAfter(s.time()), nil
		}
		return sandbus.Retry, nil
	case "dead-letter":
		return sandbus.DeadLetter(s.text), nil
	case "error":
		return none, sandbus.NewError(s.kind, s.text)
	case "until":
		if uint64(event.Attempt()) < s.number {
			return s.inner.run(event)
		}
	case "spin":
		spin(s.time())
	case "sleep":
		time.Sleep(s.time())
	case "trap":
		trap()
	case "throw":
		panic(s.text)
	case "loop":
		endless()
	case "recurse":
		recurse()
	case "alloc":
		alloc(s.number)
	case "result":
		return sandbus.DeadLetter(strings.Repeat("x", int(s.number))), nil
	case "log-flood":
		logFlood(s.number)
	case "log":
		slog.Info(s.text)
	case "count":
		return none, metrics.Counter(s.text).Add(1)
	case "publish":
		return none, sandbus.Publish(sandbus.Forward(event, s.text))
	}
	return none, nil
}

// spin burns CPU until that much time has passed. The clock is read every few microseconds, so that the time goes to the
// guest and not to host calls.
func spin(duration time.Duration) {
	start, state := time.Now(), uint64(1)
	for time.Since(start) < duration {
		for range 10_000 {
			state *= 6_364_136_223_846_793_005
		}
		spun = state
	}
}

// spun keeps the compiler from dropping what it was made by.
var spun uint64
