//go:build !wasm

package sandbustest

import (
	"log"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/sandbus/sandbus/guest-sdk/go/sandbus"
	"github.com/sandbus/sandbus/guest-sdk/go/sandbus/config"
	"github.com/sandbus/sandbus/guest-sdk/go/sandbus/metrics"
)

// one gives an event to a function.
func one(t *testing.T, event Event, handle func(*sandbus.Event) (sandbus.Verdict, error)) *Outcome {
	t.Helper()
	return NewFunc(t, handle).Deliver(event)
}

func TestAnEventHasWhatItWasGiven(t *testing.T) {
	host := NewFunc(t, func(event *sandbus.Event) (sandbus.Verdict, error) {
		log.Print(event.ID(), " ", event.Type(), " ", event.Attempt(), " ", event.Key() == nil, event.Value() == nil)
		return sandbus.Skip, nil
	})
	lines := []string{
		host.Deliver(Event{Type: "A"}).Logs[0].String(),
		host.Deliver(Event{Type: "A", Offset: 7, Key: []byte{}, JSON: 1, Attempt: 2}).Logs[0].String(),
		host.Deliver(Event{Topic: "t", Partition: 3}).Logs[0].String(),
		host.Deliver(Event{Type: "A", ID: "e-1"}).Logs[0].String(),
	}
	wanted := []string{
		"info: events.stream/0/0 A 1 true true",
		"info: events.stream/0/7 A 2 false false",
		"info: t/3/8 t 1 true true",
		"info: e-1 A 1 true true",
	}
	if !slices.Equal(lines, wanted) {
		t.Error(strings.Join(lines, "\n"))
	}
}

func TestHeadersAreOrderedRepeatedAndMayBeNull(t *testing.T) {
	event := Event{Type: "A", Headers: []sandbus.Header{
		Header("tag", "a"), {Name: "tag"}, {Name: "tag", Value: []byte{}}, {Name: "bin", Value: []byte{0xff}},
	}}
	one(t, event, func(event *sandbus.Event) (sandbus.Verdict, error) {
		tags := slices.Collect(event.HeadersNamed("tag"))
		if len(tags) != 3 || string(tags[0].Value) != "a" || tags[1].Value != nil || tags[2].Value == nil {
			t.Error(tags)
		}
		for name, kind := range map[string]string{"none": "missing_header", "bin": "bad_header"} {
			if _, err := event.Header(name); err.(*sandbus.Error).Kind() != kind {
				t.Error(name, err)
			}
		}
		if _, err := tags[1].Text(); err == nil {
			t.Error("null is text")
		}
		return sandbus.Ack, nil
	})
}

func TestBadBodiesAndKeysHaveTheirKinds(t *testing.T) {
	read := func(what func(*sandbus.Event) error) func(*sandbus.Event) (sandbus.Verdict, error) {
		return func(event *sandbus.Event) (sandbus.Verdict, error) { return sandbus.Ack, what(event) }
	}
	json := read(func(event *sandbus.Event) error { return event.JSON(new(int)) })
	text := read(func(event *sandbus.Event) error { _, err := event.Text(); return err })
	key := read(func(event *sandbus.Event) error { _, err := event.KeyText(); return err })
	one(t, Event{}, json).WantError("tombstone")
	one(t, Event{Value: []byte("x")}, json).WantError("bad_json")
	one(t, Event{Value: []byte("7")}, json).WantVerdict(sandbus.Ack)
	one(t, Event{}, text).WantError("tombstone")
	one(t, Event{Value: []byte{0xff}}, text).WantError("bad_text")
	one(t, Event{}, key).WantError("missing_key")
	one(t, Event{Key: []byte{0xff}}, key).WantError("bad_key")
}

func TestStateLivesUntilARestart(t *testing.T) {
	made := 0
	host := New(t, func() (sandbus.HandlerFunc, error) {
		made++
		return func(*sandbus.Event) (sandbus.Verdict, error) { return sandbus.Ack, nil }, nil
	})
	host.Deliver(Event{})
	host.Deliver(Event{})
	host.Restart()
	host.Deliver(Event{})
	if made != 2 {
		t.Error(made)
	}
}

func TestAPanicIsAnErrorThatNamesItsPlace(t *testing.T) {
	outcome := one(t, Event{}, func(*sandbus.Event) (sandbus.Verdict, error) {
		var none map[string]int
		none["x"] = 1
		return sandbus.Ack, nil
	})
	if message := outcome.WantError("panic"); message != "assignment to entry in nil map" {
		t.Error(message)
	}
	if line := outcome.Logs[0].String(); !strings.HasPrefix(line, "error: panicked at host_test.go:") {
		t.Error(line)
	}
}

func TestConfigurationIsRead(t *testing.T) {
	host := New(t, func() (sandbus.HandlerFunc, error) {
		topic, err := config.Require("topic")
		return func(*sandbus.Event) (sandbus.Verdict, error) { return sandbus.DeadLetter(topic), nil }, err
	})
	if message := host.Deliver(Event{}).WantError("missing_config"); message != `set "topic" in [handler.config]` {
		t.Error(message)
	}
	host.SetConfig("topic", "t")
	host.Deliver(Event{}).WantVerdict(sandbus.DeadLetter("t"))
}

func TestOnlyAnAckPublishes(t *testing.T) {
	verdict := sandbus.Ack
	host := NewFunc(t, func(event *sandbus.Event) (sandbus.Verdict, error) {
		return verdict, sandbus.Publish(sandbus.Forward(event, "copies.1"))
	})
	host.Deliver(Event{}).WantError("denied")
	host.Grant("copies.*")
	outcome := host.Deliver(Event{Type: "A", Key: []byte{}, Headers: []sandbus.Header{{Name: "n"}}})
	copies := outcome.Published()
	if len(copies) != 1 || copies[0].Key == nil || copies[0].Value != nil || copies[0].Headers[1].Value != nil {
		t.Error(copies)
	}
	verdict = sandbus.Skip
	if outcome := host.Deliver(Event{}); len(outcome.Published()) != 0 || len(outcome.Sent) != 1 {
		t.Error(outcome.Sent)
	}
	one(t, Event{}, func(*sandbus.Event) (sandbus.Verdict, error) {
		return sandbus.Ack, sandbus.Publish(sandbus.Message{Topic: "no topic"})
	}).WantError("bad_topic")
}

func TestMetricsAreCheckedAndCounted(t *testing.T) {
	outcome := one(t, Event{}, func(*sandbus.Event) (sandbus.Verdict, error) {
		_ = metrics.Counter("seen").Add(2, metrics.Attr("lang", "go"))
		_ = metrics.Counter("seen").Add(1)
		_ = metrics.Histogram("size").Record(0.5)
		_ = metrics.UpDown("open").Add(-3)
		return sandbus.Ack, metrics.Counter("orders_total").Add(1)
	})
	outcome.WantError("bad_name")
	if all, some := outcome.Counter("seen"), outcome.Counter("seen", metrics.Attr("lang", "go")); all != 3 || some != 2 {
		t.Error(all, some)
	}
	if !slices.Equal(outcome.Histogram("size"), []float64{0.5}) || outcome.UpDown("open") != -3 {
		t.Error(outcome.measured)
	}
}

func TestLogsKeepLevelOrderAndAttributes(t *testing.T) {
	before := slog.Default()
	outcome := one(t, Event{}, func(*sandbus.Event) (sandbus.Verdict, error) {
		log.Println("plain")
		slog.Warn("slow", "provider", "alpha beta", slog.Group("took", "ms", 3))
		slog.With("a", 1).WithGroup("g").Error("grouped", "msg", "x", "level", 2)
		slog.Log(nil, sandbus.LevelTrace, "no \xff text")
		return sandbus.Ack, nil
	})
	var lines []string
	for _, line := range outcome.Logs {
		lines = append(lines, line.String())
	}
	wanted := []string{
		"info: plain", `warn: slow provider="alpha beta" took.ms=3`, "error: grouped a=1 g.msg=x g.level=2",
		"trace: no \ufffd text",
	}
	if !slices.Equal(lines, wanted) {
		t.Error(strings.Join(lines, "\n"))
	}
	if slog.Default() != before {
		t.Error("the test's own log is not put back")
	}
}

func TestPatternsMatchTheWholeText(t *testing.T) {
	for _, is := range []struct {
		pattern, text string
		matches       bool
	}{
		{"Order", "Order", true}, {"Order", "OrderCreated", false}, {"Order*", "Order", true},
		{"*Created", "CreatedOrder", false}, {"a*b*c", "a-b-b-c", true}, {"ab*ba", "aba", false},
		{"a*bc*c", "abc", false}, {"*", "", true}, {"", "x", false}, {"a.c", "abc", false}, {"*ü*", "Grün", true},
	} {
		if matches(is.pattern, is.text) != is.matches {
			t.Errorf("%q on %q", is.pattern, is.text)
		}
	}
}
