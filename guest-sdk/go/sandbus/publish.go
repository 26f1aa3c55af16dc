package sandbus

import (
	"encoding/json"

	"github.com/sandbus/sandbus/guest-sdk/go/internal/host"
)

// Message is a record to send to Kafka.
//
// What a try publishes leaves when that try ends in Ack; what any other try published is dropped. Messages and bytes of
// one event are bounded by the handler's limits.publishes and limits.publish_bytes; more is the fault publish_quota.
type Message struct {
	// Topic that a publish grant of the handler must allow.
	Topic string
	// Key, whose murmur2 hash chooses the partition, as with Kafka's own clients. Nil is absent: any partition will do.
	Key []byte
	// Value; nil is a tombstone.
	Value []byte
	// Headers, kept in order. Names may repeat.
	Headers []Header
}

// Forward is the event as it is, to another topic: its key, its value, all its headers.
func Forward(event *Event, topic string) Message {
	message := Message{Topic: topic, Key: event.Key(), Value: event.Value()}
	for header := range event.Headers() {
		message.Headers = append(message.Headers, header)
	}
	return message
}

// SetJSON sets the value to this as compact JSON.
func (m *Message) SetJSON(value any) error {
	bytes, err := json.Marshal(value)
	if err != nil {
		return err
	}
	m.Value = bytes
	return nil
}

// AddHeader adds a header with this text after those that are there.
func (m *Message) AddHeader(name, value string) {
	m.Headers = append(m.Headers, Header{Name: name, Value: []byte(value)})
}

// Publish sends a message. The error is a *Refusal: denied, too_large, bad_topic.
func Publish(message Message) error {
	lent := host.Message{Topic: text(message.Topic), Key: message.Key, Value: message.Value}
	lent.Headers = make([]host.Header, len(message.Headers))
	for i, header := range message.Headers {
		lent.Headers[i] = host.Header{Name: text(header.Name), Value: header.Value}
	}
	return host.Publish(&lent)
}
