//go:build !wasm

package sandbus

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandbus/sandbus/guest-sdk/go/internal/frame"
	"github.com/sandbus/sandbus/guest-sdk/go/internal/host"
)

// The reader and the writer, proved by the test vectors of docs/packed-frame.md, and what happens between them.

func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/packed-frame.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// vector is the bytes of one, and the text of what is in them.
func vector(t *testing.T, name string) ([]byte, string) {
	t.Helper()
	for section := range strings.SplitSeq(document(t), "\n### ") {
		if first, _, _ := strings.Cut(section, "\n"); strings.Fields(first + " .")[0] != name {
			continue
		}
		block := func(language string) string {
			_, rest, _ := strings.Cut(section, "```"+language+"\n")
			block, _, _ := strings.Cut(rest, "```")
			return block
		}
		var digits strings.Builder
		for line := range strings.Lines(block("hex")) {
			line, _, _ = strings.Cut(line, ";")
			digits.WriteString(strings.Join(strings.Fields(line), ""))
		}
		decoded, err := hex.DecodeString(digits.String())
		if err != nil {
			t.Fatal(err)
		}
		return decoded, strings.TrimRight(block("text"), "\n")
	}
	t.Fatalf("no vector is called %s", name)
	return nil, ""
}

func show(value []byte) string {
	switch {
	case value == nil:
		return "absent"
	case len(value) == 0:
		return "empty"
	}
	for _, letter := range value {
		if letter < ' ' || letter > '~' || letter == '"' || letter == '\\' {
			return fmt.Sprintf("bytes % x", value)
		}
	}
	return `"` + string(value) + `"`
}

func plural(count int, noun string) string {
	if count == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", count, noun)
}

// showFrame is what a handler sees of a frame, in the words of the document.
func showFrame(list []byte) string {
	read := frame.Read(list)
	shown := fmt.Sprintf("frame of %s in %s", plural(read.Count, "event"), plural(read.Lanes, "lane"))
	for index := range read.Count {
		event := &Event{framed: read.Event(index)}
		timestamp := "absent"
		if !event.Timestamp().IsZero() {
			timestamp = fmt.Sprint(event.Timestamp().UnixMilli())
		}
		shown += fmt.Sprintf("\nevent %d: lane %d, attempt %d\n  topic %q, partition %d, offset %d, timestamp %s",
			index, event.framed.Lane(), event.Attempt(), event.Topic(), event.Partition(), event.Offset(), timestamp)
		shown += fmt.Sprintf("\n  type %q\n  id %q\n  key %s\n  value %s",
			event.Type(), event.ID(), show(event.Key()), show(event.Value()))
		for header := range event.Headers() {
			shown += fmt.Sprintf("\n  header %q %s", header.Name, show(header.Value))
		}
	}
	return shown
}

// Every vector is in one of these two.
var (
	frames  = []string{"frame-minimal", "frame-headers", "frame-tombstone", "frame-two-lanes", "frame-longer"}
	answers = []string{"answer-ack", "answer-each-verdict", "answer-two-lanes"}
)

func TestFramesAreReadAsTheDocumentSays(t *testing.T) {
	for _, name := range frames {
		list, text := vector(t, name)
		if shown := showFrame(list); shown != text {
			t.Errorf("%s:\n%s\nis not\n%s", name, shown, text)
		}
	}
	// Beside these and the answers there is answer-longer, which a guest of version 1 never writes.
	if count := strings.Count(document(t), "```hex\n"); count != len(frames)+len(answers)+1 {
		t.Errorf("%d vectors", count)
	}
}

func TestAnswersAreWrittenAsTheDocumentSays(t *testing.T) {
	type ended struct {
		verdict Verdict
		err     *Error
	}
	notRun := ended{}
	all := [][]ended{
		{{verdict: Ack}},
		{
			{verdict: Ack}, {verdict: Skip}, {verdict: Retry}, {verdict: RetryAfter(250 * time.Millisecond)},
			{verdict: DeadLetter("no such order")}, {err: NewError("Timeout", "upstream took 3 s")}, notRun,
		},
		{{err: NewError("Conflict", "")}, {verdict: Ack}, notRun, {verdict: Ack}},
	}
	// One answer is used for all: nothing of the one before may be left.
	var instance instance
	for index, name := range answers {
		instance.answer.Begin(len(all[index]))
		for _, ended := range all[index] {
			if ended == notRun {
				instance.answer.Plain(frame.NotRun)
			} else {
				instance.put(ended.verdict, ended.err)
			}
		}
		if list, _ := vector(t, name); !bytes.Equal(instance.answer.Finish(), list) {
			t.Errorf("%s is written as\n% x", name, instance.answer.Finish())
		}
	}
}

// malformed is what reading all of a frame panics with, if it does.
func malformed(list []byte) (problem any) {
	defer func() { problem = recover() }()
	showFrame(list)
	return nil
}

func TestWrongFramesAreNamed(t *testing.T) {
	good, _ := vector(t, "frame-headers")
	for _, wrong := range []struct {
		at      int
		put     string
		problem string
	}{
		{0x00, "SBVD", "magic or version"},
		{0x04, "\x02\x00", "magic or version"},
		{0x06, "\x10\x00", "a length is shorter"},
		{0x08, "\x48\x00", "a length is shorter"},
		{0x0a, "\x14\x00", "no multiple of 8"},
		{0x0c, "\x00\x00", "no number of events"},
		{0x0c, "\xff\xff\xff\xff", "its length is not the one it names"},
		{0x10, "\xff\xff\xff\xff", "its length is not the one it names"},
		{0x14, "\x00", "no number of events or lanes"},
		{0x14, "\x02", "no number of events or lanes"},
		{0x18, "\x01", "a lane is none"},
		{0x24, "\x07", "a table of headers has another length"},
		{0x37, "\x80", "a timestamp is before 1970"},
		{0x38, "\x10\x00\x00\x00", "a reference does not lie within"},
		{0x38, "\xff\xff\xff\xff", "a reference does not lie within"},
		{0x3c, "\xff\xff\xff\xff", "a topic is absent"},
		{0x44, "\xff\xff\xff\xff", "a type is absent"},
	} {
		list := slices.Clone(good)
		copy(list[wrong.at:], wrong.put)
		problem, is := malformed(list).(frame.Malformed)
		if !is || !strings.Contains(problem.Error(), wrong.problem) {
			t.Errorf("%#x: %v", wrong.at, problem)
		}
	}
}

func TestNoChangedByteIsReadBeyondTheFrame(t *testing.T) {
	for _, name := range frames {
		good, _ := vector(t, name)
		for at := range good {
			for _, value := range []byte{0x00, 0x01, 0x02, 0x7f, 0x80, 0xff} {
				list := slices.Clone(good)
				list[at] = value
				if problem := malformed(list); problem != nil {
					if _, is := problem.(frame.Malformed); !is {
						t.Fatalf("%s, %#x: %v", name, at, problem)
					}
				}
			}
			if malformed(good[:at:at]) == nil {
				t.Fatalf("%s is read when it is cut to %d bytes", name, at)
			}
		}
	}
}

func TestAFrameThatBreaksTheContractEndsTheInstance(t *testing.T) {
	list, _ := vector(t, "frame-two-lanes")
	// The type of the second event is outside of the frame: only who asks for it sees that.
	copy(list[24+80+40:], "\xff\xff\xff\xff")
	defer func() {
		if problem, is := recover().(frame.Malformed); !is {
			t.Errorf("%v", problem)
		}
	}()
	NewTestInstance(func() (HandlerFunc, error) {
		return func(event *Event) (Verdict, error) { return DeadLetter(event.Type()), nil }, nil
	}).RunFrame(list)
	t.Error("the handler's recover took it for its own")
}

// told does what the value of the event tells, and remembers its events.
type told struct{ seen []*Event }

func (h *told) Handle(event *Event) (Verdict, error) {
	h.seen = append(h.seen, event)
	value, err := event.Text()
	if err != nil {
		return Verdict{}, err
	}
	switch value {
	case "0":
		return Verdict{}, NewError("Conflict", "")
	case "p":
		panic("told to")
	case "l":
		host.Log(host.Info, event.ID())
		host.ConfigGet("key")
	}
	return Ack, nil
}

func newTold() (*told, error) { return &told{}, nil }

// twoLanes is frame-two-lanes with these values of one byte.
func twoLanes(t *testing.T, values string) []byte {
	list, _ := vector(t, "frame-two-lanes")
	for index := range values {
		list[binary.LittleEndian.Uint32(list[24+80*index+64:])] = values[index]
	}
	return list
}

func codes(answer []byte) []byte {
	var codes []byte
	for index := range binary.LittleEndian.Uint32(answer[12:]) {
		codes = append(codes, answer[24+32*index])
	}
	return codes
}

func TestAStoppedLaneStopsAndNoOther(t *testing.T) {
	instance := NewTestInstance(newTold)
	wanted, _ := vector(t, "answer-two-lanes")
	if answer := instance.RunFrame(twoLanes(t, "0123")); !bytes.Equal(answer, wanted) {
		t.Errorf("% x", answer)
	}
	var offsets []int64
	for _, event := range instance.Handler().(*told).seen {
		offsets = append(offsets, event.Offset())
	}
	if !slices.Equal(offsets, []int64{10, 11, 13}) {
		t.Error(offsets)
	}
	for values, wanted := range map[string][]byte{
		// The next frame begins with all lanes going.
		"1111": {1, 1, 1, 1},
		"1001": {1, 5, 5, 6},
		// A panic is an error, and what comes after it goes on.
		"1p11": {1, 5, 1, 6},
	} {
		if got := codes(instance.RunFrame(twoLanes(t, values))); !slices.Equal(got, wanted) {
			t.Errorf("%s: %v", values, got)
		}
	}
}

func TestAnEventOutlivesItsFrame(t *testing.T) {
	instance := NewTestInstance(newTold)
	first, _ := vector(t, "frame-headers")
	second, _ := vector(t, "frame-longer")
	instance.RunFrame(first)
	instance.RunFrame(second)
	seen := instance.Handler().(*told).seen
	if seen[0].ID() != "e-7" || seen[1].ID() != "e-7" || seen[0].Type() != "OrderCreated" {
		t.Error(seen[0].ID(), seen[1].ID())
	}
	if tags := slices.Collect(seen[1].HeadersNamed("tag")); len(tags) != 3 || tags[1].Value != nil || tags[2].Value == nil {
		t.Error(tags)
	}
}

// announcing remembers what the host was told.
type announcing struct {
	told   []uint32
	config []host.Attribute
}

func (a *announcing) BatchAt(index uint32)           { a.told = append(a.told, index) }
func (a *announcing) Log(host.Level, string)         {}
func (a *announcing) Config() []host.Attribute       { return a.config }
func (a *announcing) Publish(*host.Message) error    { return nil }
func (a *announcing) Measure(host.Measurement) error { return nil }

func TestAnEventIsAnnouncedOnceAndOnlyIfItCalls(t *testing.T) {
	instance, recorder := NewTestInstance(newTold), &announcing{}
	host.Record(recorder, func() { instance.RunFrame(twoLanes(t, "1l1l")) })
	if !slices.Equal(recorder.told, []uint32{1, 3}) {
		t.Error(recorder.told)
	}
	// What calls later is none of the frame's events, and a frame of one event needs no announcement.
	alone, _ := vector(t, "frame-minimal")
	recorder = &announcing{}
	host.Record(recorder, func() {
		host.Log(host.Info, "after")
		NewTestInstance(func() (HandlerFunc, error) {
			return func(*Event) (Verdict, error) { host.Log(host.Info, "alone"); return Ack, nil }, nil
		}).RunFrame(alone)
	})
	if len(recorder.told) > 0 {
		t.Error(recorder.told)
	}
}

func TestAnInstanceThatCannotBeMadeFailsEachEventThatItWouldHaveHad(t *testing.T) {
	instance := NewTestInstance(func() (*told, error) {
		if _, set := host.ConfigGet("key"); !set {
			return nil, NewError("missing_config", "key")
		}
		return newTold()
	})
	recorder := &announcing{}
	host.Record(recorder, func() {
		if got := codes(instance.RunFrame(twoLanes(t, "1111"))); !slices.Equal(got, []byte{5, 5, 6, 6}) {
			t.Error(got)
		}
	})
	if !slices.Equal(recorder.told, []uint32{0, 1}) {
		t.Error(recorder.told)
	}
	recorder = &announcing{config: []host.Attribute{{Key: "key", Value: "v"}}}
	host.Record(recorder, func() {
		if got := codes(instance.RunFrame(twoLanes(t, "1111"))); !slices.Equal(got, []byte{1, 1, 1, 1}) {
			t.Error(got)
		}
	})
}
