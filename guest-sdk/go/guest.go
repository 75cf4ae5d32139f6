// Package guest is for writing Saggar plugins in Go: its subpackages have a role each, and the functions that they are
// given get the job and its arguments.
//
//	package main
//
//	import (
//		"saggar.local/guest"
//		"saggar.local/guest/processor"
//	)
//
//	func init() { processor.Handle("thumbnail", thumbnail) }
//
//	func thumbnail(job guest.Job, url string, width int) (map[string]any, error) {
//		if url == "" {
//			return nil, guest.Reject("no-url", "the URL is empty")
//		}
//		job.Progress(1, 1, "done")
//		return map[string]any{"url": url, "width": width}, nil
//	}
//
//	func main() {}
//
// A component exports the roles whose packages it imports.
package guest

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"saggar.local/guest/internal/abi"
)

// Job is the job of the running call.
type Job struct {
	// ID is its number, unique within its task.
	ID uint64
}

// Progress is the progress of a job, for its progress handler: Current of Total is done.
type Progress struct {
	Current, Total uint64
	Message        string
}

// Task returns the id of the task, such as mail.send.
func (Job) Task() string { return abi.Must().Task() }

// Attempt returns the number of this attempt, from 1; in a handler, of the last attempt that started, 0 before the first.
func (Job) Attempt() uint32 { return abi.Must().Attempt() }

// MaxAttempts returns the maximum number of attempts: the first one plus the task's attempts.
func (Job) MaxAttempts() uint32 { return abi.Must().MaxAttempts() }

// Remaining returns the time until this call times out; false without a timeout.
func (Job) Remaining() (time.Duration, bool) {
	ms, ok := abi.Must().RemainingMs()
	return time.Duration(min(ms, 1<<43)) * time.Millisecond, ok
}

// IsCancelled returns whether the job was cancelled. The host stops the call soon after this becomes true.
func (Job) IsCancelled() bool { return abi.Must().IsCancelled() }

// TraceParent returns the W3C trace context of the call, in the format of the traceparent header; empty if there is none.
func (Job) TraceParent() string {
	context, _ := abi.Must().TraceParent()
	return context
}

// Progress reports that current of total is done; lookups of the job show it at once.
func (Job) Progress(current, total uint64, message string) {
	abi.Must().Report(current, total, valid(message))
}

// Log writes a line to the job's log, formatted like fmt.Sprintf. The default logger of log/slog writes there, too, and so
// do standard output and standard error.
func Log(level slog.Level, format string, values ...any) {
	abi.Must().Write(severity(level), valid(fmt.Sprintf(format, values...)))
}

func severity(level slog.Level) uint32 {
	switch {
	case level < slog.LevelInfo:
		return 0
	case level < slog.LevelWarn:
		return 1
	case level < slog.LevelError:
		return 2
	default:
		return 3
	}
}

// valid replaces what is not UTF-8, which the ABI does not allow.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

func init() {
	if abi.Current != nil {
		slog.SetDefault(slog.New(NewLogHandler()))
	}
}

// NewLogHandler returns a handler for log/slog that writes to the job's log, with the level of each record. It is that of
// the default logger in a component.
func NewLogHandler() slog.Handler {
	line := &oneLine{}
	omit := func(groups []string, attribute slog.Attr) slog.Attr {
		if len(groups) == 0 && (attribute.Key == slog.TimeKey || attribute.Key == slog.LevelKey) {
			return slog.Attr{}
		}
		return attribute
	}
	options := &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: omit}
	return leveled{slog.NewTextHandler(line, options), line}
}

// oneLine receives the text of a record, and its level before.
type oneLine struct{ level slog.Level }

func (line *oneLine) Write(text []byte) (int, error) {
	abi.Must().Write(severity(line.level), valid(strings.TrimSuffix(string(text), "\n")))
	return len(text), nil
}

type leveled struct {
	slog.Handler
	line *oneLine
}

func (handler leveled) Handle(ctx context.Context, record slog.Record) error {
	handler.line.level = record.Level
	return handler.Handler.Handle(ctx, record)
}

func (handler leveled) WithAttrs(attributes []slog.Attr) slog.Handler {
	return leveled{handler.Handler.WithAttrs(attributes), handler.line}
}

func (handler leveled) WithGroup(name string) slog.Handler {
	return leveled{handler.Handler.WithGroup(name), handler.line}
}
