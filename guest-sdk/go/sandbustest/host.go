//go:build !wasm

// Package sandbustest gives events to handlers under `go test`, without WebAssembly.
//
//	host := sandbustest.New(t, newOrders)
//	host.SetConfig("topic", "events.notifications")
//	host.Grant("events.notifications")
//
//	outcome := host.Deliver(sandbustest.Event{Type: "OrderCreated", Key: []byte("o-1")})
//	outcome.WantVerdict(sandbus.Ack)
//
// The test host refuses what the real one would by its form and by the grants. It has no limits, neither on time nor on
// volume: for these there is `sandbus test`, which runs the component itself. A panic of the handler is an error of the
// kind "panic", as in the sandbox.
package sandbustest

import (
	"errors"
	"fmt"
	"log"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/sandbus/sandbus/guest-sdk/go/internal/host"
	"github.com/sandbus/sandbus/guest-sdk/go/sandbus"
)

// Host for one instance of a handler.
type Host struct {
	t        testing.TB
	instance *sandbus.TestInstance
	events   []string
	config   map[string]string
	grants   []string
	offset   int64
}

// New makes a host without configuration and grants for a handler made by this function, which is called at the first
// event. Log lines of package log and log/slog are recorded while an event is delivered.
func New[H sandbus.Handler](t testing.TB, create func() (H, error)) *Host {
	return &Host{t: t, instance: sandbus.NewTestInstance(create), config: map[string]string{}}
}

// NewFunc makes a host for a handler that is a function.
func NewFunc(t testing.TB, handle func(event *sandbus.Event) (sandbus.Verdict, error)) *Host {
	return New(t, func() (sandbus.HandlerFunc, error) { return handle, nil })
}

// Registered makes a host for the handler that sandbus.Register was given in a func init of the package under test.
func Registered(t testing.TB) *Host {
	t.Helper()
	component := sandbus.Registered()
	if component == nil {
		t.Fatal("no handler is registered")
	}
	return &Host{t: t, instance: component.NewInstance(), events: component.Events, config: map[string]string{}}
}

// SetConfig sets a key of [handler.config].
func (h *Host) SetConfig(key, value string) { h.config[key] = value }

// Grant allows publishing to the topics that this matches; * is any run of characters.
func (h *Host) Grant(topics string) { h.grants = append(h.grants, topics) }

// Wants says whether the registered handler asks for events of this type.
func (h *Host) Wants(eventType string) bool {
	return slices.ContainsFunc(h.events, func(pattern string) bool { return matches(pattern, eventType) })
}

// Restart throws the instance away, as the host does after a fault or for a new version: the next event makes a new
// one.
func (h *Host) Restart() { h.instance.Restart() }

// Handler is the handler's value, nil before the first event.
func (h *Host) Handler() sandbus.Handler { return h.instance.Handler() }

// Deliver gives the event to the handler, for one try.
func (h *Host) Deliver(event Event) *Outcome {
	h.t.Helper()
	outcome := &Outcome{t: h.t, host: h}
	host.Record((*recorder)(outcome), func() {
		defer captureLogs()()
		outcome.Verdict, outcome.Err = h.instance.Run(h.build(event))
	})
	return outcome
}

// captureLogs lets package log and log/slog write to the host, as they do in the sandbox, until what it returns is
// called.
func captureLogs() func() {
	before, writer, flags := slog.Default(), log.Writer(), log.Flags()
	slog.SetDefault(slog.New(sandbus.LogHandler()))
	return func() {
		slog.SetDefault(before)
		log.SetOutput(writer)
		log.SetFlags(flags)
	}
}

// recorder is an outcome in the making.
type recorder Outcome

func (r *recorder) BatchAt(uint32) {}

func (r *recorder) Log(level host.Level, line string) {
	written := LogLine{Level: levels[level], Message: line}
	// The test's own output shows it when the test fails.
	r.t.Log(written)
	r.Logs = append(r.Logs, written)
}

var levels = map[host.Level]slog.Level{
	host.Trace: sandbus.LevelTrace,
	host.Debug: slog.LevelDebug,
	host.Info:  slog.LevelInfo,
	host.Warn:  slog.LevelWarn,
	host.Error: slog.LevelError,
}

func (r *recorder) Config() []host.Attribute {
	var entries []host.Attribute
	for key, value := range r.host.config {
		entries = append(entries, host.Attribute{Key: key, Value: value})
	}
	slices.SortFunc(entries, func(a, b host.Attribute) int { return strings.Compare(a.Key, b.Key) })
	return entries
}

func (r *recorder) Publish(message *host.Message) error {
	topic := message.Topic
	if !isTopic(topic) {
		return &host.Refusal{Code: "bad_topic", Message: fmt.Sprintf("no topic has the name %q", topic)}
	}
	if !slices.ContainsFunc(r.host.grants, func(grant string) bool { return matches(grant, topic) }) {
		return &host.Refusal{Code: "denied", Message: fmt.Sprintf("no publish grant for %q", topic)}
	}
	sent := sandbus.Message{Topic: topic, Key: slices.Clone(message.Key), Value: slices.Clone(message.Value)}
	for _, header := range message.Headers {
		sent.Headers = append(sent.Headers, sandbus.Header{Name: header.Name, Value: slices.Clone(header.Value)})
	}
	r.Sent = append(r.Sent, sent)
	return nil
}

func (r *recorder) Measure(measurement host.Measurement) error {
	r.measured = append(r.measured, measurement)
	return nil
}

func isTopic(topic string) bool {
	for _, letter := range []byte(topic) {
		is := 'a' <= letter && letter <= 'z' || 'A' <= letter && letter <= 'Z' || '0' <= letter && letter <= '9'
		if !is && letter != '.' && letter != '_' && letter != '-' {
			return false
		}
	}
	return 1 <= len(topic) && len(topic) <= 249 && topic != "." && topic != ".."
}

// matches says whether the whole text matches a pattern: * is any run of characters, nothing else is special.
func matches(pattern, text string) bool {
	head, rest, is := strings.Cut(pattern, "*")
	if !is {
		return pattern == text
	}
	text, is = strings.CutPrefix(text, head)
	if !is {
		return false
	}
	middle, tail := "", rest
	if last := strings.LastIndex(rest, "*"); last >= 0 {
		middle, tail = rest[:last], rest[last+1:]
	}
	if text, is = strings.CutSuffix(text, tail); !is {
		return false
	}
	// The earliest place of each piece leaves most for the pieces after it.
	for piece := range strings.SplitSeq(middle, "*") {
		if _, text, is = strings.Cut(text, piece); !is {
			return false
		}
	}
	return true
}

// kindOf an error that a try ended in.
func kindOf(err error) string {
	var failed *sandbus.Error
	if errors.As(err, &failed) {
		return failed.Kind()
	}
	return ""
}
