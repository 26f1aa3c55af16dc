package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/sandbus/sandbus/guest-sdk/go/sandbus"
	"github.com/sandbus/sandbus/guest-sdk/go/sandbus/config"
)

// build is the build's mark: `-ldflags "-X main.build=…"` sets it to the variable PROBE_BUILD of the build's environment.
var build = "dev"

// results says where reports go, and what this instance says of itself.
type results struct {
	topic    string
	handler  string
	named    bool
	instance string
	sequence int
}

// configuredResults is the reporter, if `results` is configured. Made with the instance's first event.
func configuredResults() *results {
	topic, set := config.Get("results")
	if !set {
		return nil
	}
	handler, named := config.Get("name")
	return &results{topic: topic, handler: handler, named: named, instance: fmt.Sprintf("%016x", rand.Uint64())}
}

// report publishes the event's key and value, with headers that say who had it, and when.
func (r *results) report(event *sandbus.Event) error {
	r.sequence++
	message := sandbus.Message{Topic: r.topic, Key: event.Key(), Value: event.Value()}
	if r.named {
		message.AddHeader("probe_handler", r.handler)
	}
	message.AddHeader("probe_topic", event.Topic())
	message.AddHeader("probe_partition", strconv.Itoa(int(event.Partition())))
	message.AddHeader("probe_offset", strconv.FormatInt(event.Offset(), 10))
	message.AddHeader("probe_attempt", strconv.Itoa(event.Attempt()))
	message.AddHeader("probe_instance", r.instance)
	message.AddHeader("probe_sequence", strconv.Itoa(r.sequence))
	message.AddHeader("probe_language", "go")
	message.AddHeader("probe_build", build)
	return sandbus.Publish(message)
}
