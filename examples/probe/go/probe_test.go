package main

import (
	"strings"
	"testing"
	"time"

	"github.com/sandbus/sandbus/guest-sdk/go/sandbus"
	"github.com/sandbus/sandbus/guest-sdk/go/sandbustest"
)

func probed(script string) sandbustest.Event {
	return sandbustest.Event{Type: "Probed", Headers: []sandbus.Header{sandbustest.Header("probe", script)}}
}

func try(t *testing.T, script string) *sandbustest.Outcome {
	t.Helper()
	return sandbustest.New(t, newProbe).Deliver(probed(script))
}

func TestWithoutStepsItAcks(t *testing.T) {
	sandbustest.New(t, newProbe).Deliver(sandbustest.Event{Type: "Probed"}).WantVerdict(sandbus.Ack)
	null := sandbustest.Event{Headers: []sandbus.Header{{Name: "probe"}}}
	sandbustest.New(t, newProbe).Deliver(null).WantVerdict(sandbus.Ack)
	try(t, "").WantVerdict(sandbus.Ack)
	try(t, "log:only this").WantVerdict(sandbus.Ack)
	if !sandbustest.Registered(t).Wants("Whatever it is") {
		t.Error("it does not want everything")
	}
}

func TestVerdictsAreAsTold(t *testing.T) {
	for script, verdict := range map[string]sandbus.Verdict{
		"ack":                       sandbus.Ack,
		"skip":                      sandbus.Skip,
		"retry":                     sandbus.Retry,
		"retry:250ms":               sandbus.RetryAfter(250 * time.Millisecond),
		"retry:0s":                  sandbus.RetryAfter(0),
		"dead-letter:no: really":    sandbus.DeadLetter("no: really"),
		"dead-letter:":              sandbus.DeadLetter(""),
		"log:one;skip;nonsense":     sandbus.Skip,
		"log:before;ack; ack":       sandbus.Ack,
		"until:2:until:2:skip;trap": sandbus.Skip,
		"until:1:retry;skip":        sandbus.Skip,
		"until:2:log:first;skip":    sandbus.Skip,
		"alloc:16MiB;alloc:0;skip":  sandbus.Skip,
		"result:3B;trap":            sandbus.DeadLetter("xxx"),
	} {
		t.Run(script, func(t *testing.T) { try(t, script).WantVerdict(verdict) })
	}
	if message := try(t, "error:boom:it: broke").WantError("boom"); message != "it: broke" {
		t.Error(message)
	}
}

func TestWhatIsMalformedNamesItself(t *testing.T) {
	for _, step := range strings.Split(" |Ack| ack|ack |ack:|skip:x|trap:1|loop:|recurse:9|retry:|retry:20|retry:ms|"+
		"retry:-1ms|retry:+1ms|retry:1.5s|retry:1 s|retry:1_0ms|retry:5m|retry:99999999999999999999ms|"+
		"retry:18446744073709551615s|dead-letter|error|error:|error:kind|until|until:3|until:3:|until:x:ack|"+
		"until:-1:ack|until:3:nothing|until:4294967296:ack|spin|spin:|sleep:soon|alloc|alloc:|alloc:x|alloc:1mib|"+
		"alloc:1MB|alloc:MiB|alloc:4GiB|alloc:4294967296|result:-1|result:1.5MiB|log-flood|log-flood:|"+
		"log-flood:many|log|count|publish|unknown|unknown:x|probe:ack|größe|alloc:1KiBB", "|") {
		t.Run(step, func(t *testing.T) {
			if message := try(t, step).WantError("bad_step"); message != step {
				t.Error(message)
			}
		})
	}
	if message := try(t, "log:a;").WantError("bad_step"); message != "" {
		t.Error(message)
	}
	if message := try(t, "ack\xff").WantError("bad_step"); message != "ack\ufffd" {
		t.Error(message)
	}
}

func TestNumbersReachTheirEnds(t *testing.T) {
	for _, step := range []string{
		"retry:18446744073709551615us", "retry:18446744073709551ms", "alloc:4294967295", "alloc:3GiB", "alloc:17B",
		"until:4294967295:ack", "log-flood:18446744073709551615", "sleep:000001us",
	} {
		if _, err := parseStep(step); err != nil {
			t.Error(step)
		}
	}
}

func TestAPanicIsAnError(t *testing.T) {
	if message := try(t, "throw:it broke;ack").WantError("panic"); message != "it broke" {
		t.Error(message)
	}
}

func TestSpinAndSleepTakeTheirTime(t *testing.T) {
	for _, script := range []string{"spin:20ms", "sleep:20ms"} {
		start := time.Now()
		try(t, script).WantVerdict(sandbus.Ack)
		if time.Since(start) < 20*time.Millisecond {
			t.Error(script)
		}
	}
}

func TestRecursionGoesThroughEveryLevel(t *testing.T) {
	defer func(before uint64) { deepest = before }(deepest)
	deepest = 3
	if got := descend(1); got != (3<<7^2)<<7^1 {
		t.Error(got)
	}
}

func TestLogCountAndPublishUseTheImports(t *testing.T) {
	host := sandbustest.New(t, newProbe)
	host.Grant("copies")
	event := probed("log:hello;count:seen;publish:copies")
	event.Key, event.Value = []byte("k"), []byte{0xff}
	event.Headers = append(event.Headers, sandbus.Header{Name: "n"})
	outcome := host.Deliver(event)
	outcome.WantVerdict(sandbus.Ack)
	if outcome.Logs[0].String() != "info: hello" || outcome.Counter("seen") != 1 {
		t.Error(outcome)
	}
	sent := outcome.Published()[0]
	if string(sent.Key) != "k" || string(sent.Value) != "\xff" || len(sent.Headers) != 3 || sent.Headers[2].Value != nil {
		t.Error(sent)
	}
	if logs := try(t, "log-flood:1000").Logs; len(logs) != 1000 || logs[999].String() != "info: log-flood 1000" {
		t.Error(len(logs))
	}
}

func TestARefusedImportIsAnErrorOfItsCode(t *testing.T) {
	try(t, "publish:elsewhere;skip").WantError("denied")
	try(t, "publish:no topic").WantError("bad_topic")
	try(t, "count:Not-A-Name").WantError("bad_name")
}

// reported is the result of one event, by header.
func reported(t *testing.T, outcome *sandbustest.Outcome) map[string]string {
	t.Helper()
	if len(outcome.Sent) != 1 {
		t.Fatalf("%d results", len(outcome.Sent))
	}
	headers := map[string]string{}
	for _, header := range outcome.Sent[0].Headers {
		headers[header.Name] = string(header.Value)
	}
	return headers
}

func TestResultsTellWhoHadTheEvent(t *testing.T) {
	host := sandbustest.New(t, newProbe)
	host.SetConfig("results", "r")
	host.Deliver(probed("log:a")).WantError("denied")
	host.Restart()
	host.SetConfig("name", "first")
	host.Grant("r")
	event := sandbustest.Event{Topic: "t", Partition: 2, Offset: 40, Attempt: 3, Key: []byte{}}
	outcome := host.Deliver(event)
	var names []string
	for _, header := range outcome.Published()[0].Headers {
		names = append(names, header.Name)
	}
	wanted := "probe_handler probe_topic probe_partition probe_offset probe_attempt probe_instance probe_sequence " +
		"probe_language probe_build"
	if strings.Join(names, " ") != wanted {
		t.Error(names)
	}
	first := reported(t, outcome)
	if first["probe_topic"]+first["probe_partition"]+first["probe_offset"]+first["probe_attempt"] != "t2403" ||
		first["probe_language"] != "go" || first["probe_build"] != build || len(first["probe_instance"]) != 16 {
		t.Error(first)
	}
	if sent := outcome.Sent[0]; sent.Key == nil || sent.Value != nil {
		t.Error(sent)
	}
	// Only an ack lets a result out, and the instance keeps its number and counts.
	outcome = host.Deliver(probed("error:a:b"))
	second := reported(t, outcome)
	if len(outcome.Published()) != 0 || second["probe_instance"] != first["probe_instance"] ||
		first["probe_sequence"]+second["probe_sequence"] != "12" {
		t.Error(second)
	}
	host.Restart()
	third := reported(t, host.Deliver(probed("")))
	if third["probe_instance"] == first["probe_instance"] || third["probe_sequence"] != "1" {
		t.Error(third)
	}
}
