// The conformance guest in Go. ../README.md says what each function does.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"saggar.local/guest"
	"saggar.local/guest/addhandler"
	"saggar.local/guest/errorhandler"
	"saggar.local/guest/idsource"
	"saggar.local/guest/kv"
	"saggar.local/guest/processor"
	"saggar.local/guest/progresshandler"
	"saggar.local/guest/successhandler"
)

func main() {}

func init() {
	processor.HandleDefault("echo", func(_ guest.Job, value json.RawMessage) json.RawMessage { return value })
	processor.Handle("nothing", func(guest.Job) {})
	processor.Handle("unicode", func(guest.Job) string { return "ünï 日本語 👩\u200d🚀 \" \\ \x00 end" })
	processor.Handle("progress", progress)
	processor.Handle("context", context)
	processor.Handle("levels", levels)
	processor.Handle("print", func(_ guest.Job, word string) { fmt.Print(word) })
	processor.Handle("reject", reject)
	processor.Handle("retry", retry)
	processor.Handle("later", later)
	processor.Handle("broken", func(guest.Job) error { return errors.New("it is broken") })
	processor.Handle("children", children)
	processor.Handle("options", options)
	processor.Handle("lookup", func(_ guest.Job, task string, id uint64) (guest.JobView, error) { return guest.Get(task, id) })
	processor.Handle("cancel", cancel)
	processor.Handle("unknown", unknown)
	processor.Handle("passed", func(guest.Job) (uint64, error) { return guest.Add("nowhere") })
	processor.Handle("ident", func(job guest.Job) string { return strconv.FormatUint(job.ID, 10) })
	processor.Handle("random", func(guest.Job) float64 { return rand.Float64() })
	processor.Handle("files", files)

	processor.Handle("ledger", ledger)
	processor.Handle("stored", stored)
	processor.Handle("kept", kept)

	idsource.Handle("counter", func() (uint64, error) { return 0, nil })
	idsource.Handle("fixed", func() (uint64, error) { return 4711, nil })
	idsource.Handle("large", func() (uint64, error) { return 1<<53 + 1, nil })
	idsource.Handle("exhausted", func() (uint64, error) { return 0, &guest.Problem{Code: "no-ids", Message: "no ids are left"} })

	addhandler.Handle("added", added)
	progresshandler.Handle("progressed", progressed)
	successhandler.Handle("succeeded", succeeded)
	successhandler.Handle("repeated", repeated)
	errorhandler.Handle("failed", failed)
}

func progress(job guest.Job) string {
	job.Progress(1, 2, "half")
	job.Progress(2, 2, "done ✓")
	return "reported"
}

func context(job guest.Job) map[string]any {
	_, hasDeadline := job.Remaining()
	var traceParent any
	if context := job.TraceParent(); context != "" {
		traceParent = context
	}
	return map[string]any{
		"id":           strconv.FormatUint(job.ID, 10),
		"task":         job.Task(),
		"attempt":      job.Attempt(),
		"max_attempts": job.MaxAttempts(),
		"has_deadline": hasDeadline,
		"is_cancelled": job.IsCancelled(),
		"trace_parent": traceParent,
	}
}

func levels(guest.Job) {
	guest.Log(slog.LevelDebug, "at debug")
	guest.Log(slog.LevelInfo, "at %s", "info")
	guest.Log(slog.LevelWarn, "at warn")
	guest.Log(slog.LevelError, "at error")
}

func reject(guest.Job) error {
	return guest.Reject("no-page", "page %d does not exist", 7).With(map[string]int{"page": 7})
}

func retry(job guest.Job) (uint32, error) {
	if job.Attempt() == 1 {
		return 0, guest.Retry("busy", "attempt 1 is busy").With(map[string]int{"attempt": 1})
	}
	return job.Attempt(), nil
}

func later(job guest.Job) (uint32, error) {
	if job.Attempt() == 1 {
		return 0, guest.RetryAfter(time.Millisecond, "not-yet", "a moment")
	}
	return job.Attempt(), nil
}

func children(job guest.Job) ([]uint64, error) {
	first, err := guest.Add("journal", "first")
	if err != nil {
		return nil, err
	}
	second, err := guest.Add("journal", "second")
	if err != nil {
		return nil, err
	}
	if job.Attempt() == 1 {
		return nil, guest.Retry("busy", "attempt 1 fails after it has added its jobs")
	}
	return []uint64{first, second}, nil
}

func options(guest.Job) ([]uint64, error) {
	adds := []struct {
		word    string
		options guest.Options
	}{
		{"keyed", guest.Options{Key: "the only one"}},
		{"keyed", guest.Options{Key: "the only one"}},
		{"free", guest.Options{WithoutKey: true}},
		{"free", guest.Options{WithoutKey: true}},
		{"late", guest.Options{Delay: time.Hour, Priority: 7}},
	}
	var ids []uint64
	for _, add := range adds {
		id, err := guest.AddWith("journal", []any{add.word}, add.options)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func ledger(guest.Job) ([]any, error) {
	var failed error
	check := func(err error) {
		if failed == nil {
			failed = err
		}
	}
	none, _, err := kv.Get[any]("ledger/none")
	check(err)
	first, err := kv.Swap("ledger/a", 0, "one", 0)
	check(err)
	second, err := kv.Swap("ledger/a", 0, "two", 0)
	check(err)
	third, err := kv.Swap("ledger/a", first, "two", 0)
	check(err)
	value, _, err := kv.Get[string]("ledger/a")
	check(err)
	five, err := kv.Increment("ledger/n", 5)
	check(err)
	less, err := kv.Increment("ledger/n", -7)
	check(err)
	_, err = kv.SetFor("ledger/text", "x", time.Hour)
	check(err)
	refused := "none"
	if _, err := kv.Increment("ledger/text", 1); err != nil {
		refused = code(err)
	}
	keys, err := kv.Keys("ledger/")
	check(err)
	removed, err := kv.Remove("ledger/a")
	check(err)
	again, err := kv.Remove("ledger/a")
	check(err)
	return []any{none, first > 0, second > 0, third > 0, value, five, less, refused, keys, removed, again}, failed
}

func stored(_ guest.Job, key string, value json.RawMessage) any {
	if _, err := kv.Set(key, value); err != nil {
		return code(err)
	}
	return kept(guest.Job{}, key)
}

func kept(_ guest.Job, key string) any {
	value, _, err := kv.Get[any](key)
	if err != nil {
		return code(err)
	}
	return value
}

func code(err error) string {
	var problem *guest.Problem
	if errors.As(err, &problem) {
		return problem.Code
	}
	return err.Error()
}

func cancel(_ guest.Job, task string, id uint64) string {
	if err := guest.Cancel(task, id); err != nil {
		return code(err)
	}
	return "cancelled"
}

func unknown(guest.Job) string {
	id, err := guest.Add("nowhere")
	if err != nil {
		return code(err)
	}
	return strconv.FormatUint(id, 10)
}

func added(job guest.Job) error {
	guest.Log(slog.LevelInfo, "added %d", job.ID)
	return nil
}

func progressed(job guest.Job, progress guest.Progress) error {
	guest.Log(slog.LevelInfo, "progressed %d %d/%d %s", job.ID, progress.Current, progress.Total, progress.Message)
	return nil
}

func succeeded(job guest.Job, response json.RawMessage) error {
	var compact bytes.Buffer
	if err := json.Compact(&compact, response); err != nil {
		return err
	}
	guest.Log(slog.LevelInfo, "succeeded %d %s", job.ID, compact.String())
	return nil
}

func repeated(guest.Job, json.RawMessage) error {
	if _, err := guest.Add("journal", "succeeded"); err != nil {
		return err
	}
	return &guest.Problem{Code: "as-asked", Message: "the handler fails"}
}

func failed(job guest.Job, problem *guest.Problem) error {
	guest.Log(slog.LevelInfo, "failed %d %s: %s", job.ID, problem.Code, problem.Message)
	return nil
}

func files(guest.Job) (string, error) {
	if err := os.WriteFile("/scratch/word", []byte(os.Getenv("WORD")), 0o600); err != nil {
		return "", err
	}
	word, err := os.ReadFile("/scratch/word")
	return string(word), err
}
