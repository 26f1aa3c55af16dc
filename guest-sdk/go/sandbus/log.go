package sandbus

import (
	"bytes"
	"context"
	"log/slog"

	"github.com/sandbus/sandbus/guest-sdk/go/internal/host"
)

// LevelTrace is below slog.LevelDebug: every step.
const LevelTrace = slog.Level(-8)

// LogHandler writes records of log/slog to the host's log, which adds handler, topic, partition, offset and attempt:
// the message, and attributes behind it as key=value. In the sandbox it is slog's default from the beginning, and so
// what package log writes comes by it too, at level info.
//
// Lines count in failed tries too. Lines and bytes of one event are bounded by the handler's limits.logs and
// limits.log_bytes; more is the fault log_quota.
func LogHandler() slog.Handler {
	lines := new(bytes.Buffer)
	// Attributes as slog's own text has them; time, level and message are not among them.
	attributes := slog.NewTextHandler(lines, &slog.HandlerOptions{
		Level: slog.Level(-1 << 20),
		ReplaceAttr: func(groups []string, attribute slog.Attr) slog.Attr {
			_, isLevel := attribute.Value.Any().(slog.Level)
			isOurs := attribute.Key == slog.LevelKey && isLevel ||
				attribute.Key == slog.MessageKey && attribute.Value.String() == noMessage
			if len(groups) == 0 && isOurs {
				return slog.Attr{}
			}
			return attribute
		},
	})
	return &logHandler{lines, attributes, true}
}

// noMessage is what the text handler is given for a message, to be known again.
const noMessage = "\x00"

type logHandler struct {
	lines      *bytes.Buffer
	attributes slog.Handler
	// Whether no attributes were given by With: most handlers have none.
	plain bool
}

func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *logHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	return &logHandler{h.lines, h.attributes.WithAttrs(attributes), h.plain && len(attributes) == 0}
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{h.lines, h.attributes.WithGroup(name), h.plain}
}

func (h *logHandler) Handle(ctx context.Context, record slog.Record) error {
	line := record.Message
	if !h.plain || record.NumAttrs() > 0 {
		behind := slog.Record{Level: record.Level, Message: noMessage}
		record.Attrs(func(attribute slog.Attr) bool {
			behind.AddAttrs(attribute)
			return true
		})
		h.lines.Reset()
		if err := h.attributes.Handle(ctx, behind); err != nil {
			return err
		}
		if written := bytes.TrimRight(h.lines.Bytes(), "\n"); len(written) > 0 {
			line += " " + string(written)
		}
	}
	host.Log(levelOf(record.Level), text(line))
	return nil
}

func levelOf(level slog.Level) host.Level {
	switch {
	case level < slog.LevelDebug:
		return host.Trace
	case level < slog.LevelInfo:
		return host.Debug
	case level < slog.LevelWarn:
		return host.Info
	case level < slog.LevelError:
		return host.Warn
	}
	return host.Error
}
