package sandbus

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/sandbus/sandbus/guest-sdk/go/internal/host"
)

// Error is a failed try: a kind for metrics and a message for people.
//
// Any error that a handler returns becomes one. Its message is the error's text. Its kind is
//
//   - what the method `Kind() string` of an error in its chain says; those of this package have one, such as bad_json;
//   - else the name of the first type in its chain that is not merely a text or a wrapper of package errors or fmt:
//     SyntaxError for *json.SyntaxError, with the package before it where that is just Error: url.Error;
//   - else "error".
type Error struct {
	kind    string
	message string
	cause   error
}

// NewError is an error of this kind.
//
// The kind is [A-Za-z][A-Za-z0-9_.]{0,63} and not the name of a fault or verdict (trap, timeout, retry, …): the host
// reports anything else as _other. It becomes the metric attribute error.type, so keep the number of different kinds
// small. Of the message the host keeps the first 1000 characters.
func NewError(kind, message string) *Error { return &Error{kind: kind, message: message} }

// Errorf is NewError with a message that is formatted; %w keeps what it wraps.
func Errorf(kind, format string, arguments ...any) *Error {
	err := fmt.Errorf(format, arguments...)
	return &Error{kind: kind, message: err.Error(), cause: err}
}

// Error is the message.
func (e *Error) Error() string { return e.message }

// Kind is the kind, as it was given.
func (e *Error) Kind() string { return e.kind }

// Unwrap is the error that this one wraps, if any.
func (e *Error) Unwrap() error { return e.cause }

// Refusal says why the host did not do what it was asked for; the try goes on. Its kind is the host's code: denied,
// too_large, bad_topic, bad_name, bad_attribute, bad_value. The set may grow. Find it by errors.As.
type Refusal = host.Refusal

func asError(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return &Error{kind: known.kind, message: err.Error(), cause: err}
	}
	var kind interface{ Kind() string }
	if errors.As(err, &kind) {
		return &Error{kind: kind.Kind(), message: err.Error(), cause: err}
	}
	return &Error{kind: kindOf(err), message: err.Error(), cause: err}
}

// kindOf is the name of the first type in the chain that says more than that something failed.
func kindOf(err error) string {
	if kind := kindOfType(reflect.TypeOf(err)); kind != "" {
		return kind
	}
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		if inner := wrapper.Unwrap(); inner != nil {
			return kindOf(inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range wrapper.Unwrap() {
			if inner != nil {
				return kindOf(inner)
			}
		}
	}
	return "error"
}

func kindOfType(of reflect.Type) string {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	path, name := of.PkgPath(), of.Name()
	if path == "errors" || path == "fmt" || path == "internal/errors" || name == "" {
		return ""
	}
	name, _, _ = strings.Cut(name, "[")
	if name == "Error" {
		name = path[strings.LastIndex(path, "/")+1:] + "." + name
	}
	return wellFormed(name)
}

// wellFormed is what is left of a name that the host takes for a kind.
func wellFormed(name string) string {
	var kind strings.Builder
	for _, letter := range []byte(name) {
		alphabetic := 'a' <= letter && letter <= 'z' || 'A' <= letter && letter <= 'Z'
		other := '0' <= letter && letter <= '9' || letter == '_' || letter == '.'
		if (alphabetic || other && kind.Len() > 0) && kind.Len() < 64 {
			kind.WriteByte(letter)
		}
	}
	return kind.String()
}
