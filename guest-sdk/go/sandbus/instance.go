package sandbus

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/sandbus/sandbus/guest-sdk/go/internal/frame"
	"github.com/sandbus/sandbus/guest-sdk/go/internal/host"
)

// instance is the handler's value, made with its first event, and the way to it: the same code in the sandbox and in
// native tests.
type instance struct {
	component *Component
	handler   Handler
	answer    frame.Answer
	stopped   frame.Lanes
}

// run one try. The host never calls an instance that is working.
func (i *instance) run(event *Event) (verdict Verdict, failed *Error) {
	defer func() {
		if problem := recover(); problem != nil {
			verdict, failed = Verdict{}, panicked(problem)
		}
	}()
	return settle(i.try(event))
}

func (i *instance) try(event *Event) (Verdict, error) {
	if i.handler == nil {
		handler, err := i.component.create()
		if err != nil {
			return Verdict{}, err
		}
		i.handler = handler
	}
	return i.handler.Handle(event)
}

// runFrame runs one try of each event of a frame, in order, and answers with what became of them. The answer is good
// until the next frame.
func (i *instance) runFrame(bytes []byte) []byte {
	read := frame.Read(bytes)
	count := read.Count
	i.answer.Begin(count)
	i.stopped.Begin(read.Lanes)
	// All at once: a handler may keep an event.
	events := make([]Event, count)
	for index := range events {
		event := &events[index]
		event.framed = read.Event(index)
		if i.stopped.Stopped(event.framed) {
			i.answer.Plain(frame.NotRun)
			continue
		}
		if count > 1 {
			host.WorkOn(index)
		}
		verdict, failed := i.run(event)
		i.put(verdict, failed)
		if count > 1 && (failed != nil || verdict.code != frame.Ack && verdict.code != frame.Skip) {
			i.stopped.Stop(event.framed)
		}
	}
	host.WorkOnNone()
	return i.answer.Finish()
}

func (i *instance) put(verdict Verdict, failed *Error) {
	switch {
	case failed != nil:
		i.answer.Error(text(failed.kind), text(failed.message))
	case verdict.code == frame.DeadLetter:
		i.answer.DeadLetter(text(verdict.reason))
	case verdict.after:
		i.answer.RetryAfter(verdict.millis())
	default:
		i.answer.Plain(verdict.code)
	}
}

// text is what crosses the border as such: Go's strings may hold any bytes.
func text(words string) string { return strings.ToValidUTF8(words, "\ufffd") }

// panicked is the error that a panic is. A frame that breaks the contract stays a panic, and ends the instance.
func panicked(problem any) *Error {
	if malformed, is := problem.(frame.Malformed); is {
		panic(malformed)
	}
	message := fmt.Sprint(problem)
	host.Log(host.Error, "panicked"+place()+": "+text(message))
	return &Error{kind: "panic", message: message}
}

// place where the panic was, without the runtime that the stack begins with.
func place() string {
	var callers [64]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers[:])])
	panicking := false
	for {
		caller, more := frames.Next()
		if strings.HasPrefix(caller.Function, "runtime.") {
			panicking = true
		} else if panicking {
			file := caller.File[strings.LastIndex(caller.File, "/")+1:]
			return fmt.Sprintf(" at %s:%d in %s", file, caller.Line, caller.Function)
		}
		if !more {
			return ""
		}
	}
}
