// The probe: a handler that does what the header probe of each event tells it to do.
//
// What the steps are is written in the README of the probe; step.go reads them, run.go carries them out, misbehave.go
// holds those that no handler should do, results.go reports each event.
package main

import (
	"strings"
	"unicode/utf8"

	"github.com/sandbus/sandbus/guest-sdk/go/sandbus"
)

// probe is one instance.
type probe struct {
	results *results
}

func newProbe() (*probe, error) { return &probe{configuredResults()}, nil }

func (p *probe) Handle(event *sandbus.Event) (sandbus.Verdict, error) {
	// Before the steps, in every try: only those of an ack may ever be seen.
	if p.results != nil {
		if err := p.results.report(event); err != nil {
			return sandbus.Verdict{}, err
		}
	}
	header, _ := event.FirstHeader("probe")
	script := string(header.Value)
	if !utf8.ValidString(script) {
		return sandbus.Verdict{}, badStep(strings.ToValidUTF8(script, "\ufffd"))
	}
	return run(script, event)
}

func init() { sandbus.Register(newProbe, "*") }

func main() {}
