package eventlog

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// Logger returns a logger for the parts of the server that take one. Its lines are limited as those
// of [Log.Failed]: lines that differ in nothing but the attribute error count as one kind. Records
// below the level Info are left out.
func (l *Log) Logger() *slog.Logger { return slog.New(handler{l: l}) }

// handler is the slog.Handler of a Log.
type handler struct {
	l     *Log
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (h handler) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle implements slog.Handler. The text is the message, the attributes in parentheses, and the
// error after them.
func (h handler) Handle(_ context.Context, r slog.Record) error {
	e := entry{level: r.Level, what: r.Message, attrs: h.attrs[:len(h.attrs):len(h.attrs)]}
	r.Attrs(func(a slog.Attr) bool {
		e.attrs = append(e.attrs, a)
		return true
	})
	var about []string
	cause := ""
	for _, a := range e.attrs {
		if a.Key == "error" {
			cause = ": " + shorten(a.Value.String())
		} else {
			about = append(about, fmt.Sprintf("%s %s", a.Key, shorten(a.Value.String())))
		}
	}
	kind := r.Message
	if about != nil {
		kind += " (" + strings.Join(about, ", ") + ")"
	}
	e.text = kind + cause
	if r.Level >= slog.LevelWarn {
		e.text = warning + e.text
	}
	h.l.limited(kind, r.Message+": others", e)
	return nil
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.l, append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)}
}

// WithGroup implements slog.Handler. The names of groups are left out.
func (h handler) WithGroup(string) slog.Handler { return h }
