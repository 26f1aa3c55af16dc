// Package config is the handler's own configuration: [handler.config], and nothing else.
//
// Values never change within one instance: a change of the configuration is a new generation. Numbers and booleans read
// as TOML writes them.
//
//	region, set := config.Get("region")
//	limit, err := config.Parse("limit_cents", 50_000, strconv.Atoi)
//	topic, err := config.Require("topic")
package config

import (
	"fmt"
	"iter"

	"github.com/sandbus/sandbus/guest-sdk/go/internal/host"
)

// Error says that a key of [handler.config] is missing or not what the handler reads it as. The text names the key and
// never the value, which may be a secret.
type Error struct {
	// Key in question.
	Key string
	// The value is there, and no such thing.
	bad bool
}

// Kind is missing_config or bad_config.
func (e *Error) Kind() string {
	if e.bad {
		return "bad_config"
	}
	return "missing_config"
}

func (e *Error) Error() string {
	if e.bad {
		return fmt.Sprintf("%q in [handler.config] cannot be read", e.Key)
	}
	return fmt.Sprintf("set %q in [handler.config]", e.Key)
}

// Get is the value of a key, if it is set.
func Get(key string) (value string, set bool) { return host.ConfigGet(key) }

// All gives every key with its value, sorted by key.
func All() iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		for _, entry := range host.ConfigEntries() {
			if !yield(entry.Key, entry.Value) {
				return
			}
		}
	}
}

// Require is the value of a key that must be set. The error is an *Error of the kind missing_config.
func Require(key string) (string, error) {
	value, set := Get(key)
	if !set {
		return "", &Error{Key: key}
	}
	return value, nil
}

// Parse is the value of a key read by this function, such as strconv.Atoi or time.ParseDuration; the fallback if the
// key is not set. The error is an *Error of the kind bad_config.
func Parse[T any](key string, fallback T, parse func(string) (T, error)) (T, error) {
	value, set := Get(key)
	if !set {
		return fallback, nil
	}
	parsed, err := parse(value)
	if err != nil {
		// What it says may hold the value.
		return fallback, &Error{Key: key, bad: true}
	}
	return parsed, nil
}
