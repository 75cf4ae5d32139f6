package guesttest_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"saggar.local/guest"
	"saggar.local/guest/guesttest"
	"saggar.local/guest/internal/role"
)

func process(t *testing.T, run any, args ...any) string {
	t.Helper()
	response, err := guesttest.New().Process(run, args...)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func fails(t *testing.T, run any, outcome guest.Outcome, code, says string, args ...any) *guest.Failure {
	t.Helper()
	_, err := guesttest.New().Process(run, args...)
	var failure *guest.Failure
	if !errors.As(err, &failure) || failure.Outcome != outcome || failure.Code != code || !strings.Contains(failure.Message, says) {
		t.Fatalf("%#v", err)
	}
	return failure
}

func equal(t *testing.T, found, expected any) {
	t.Helper()
	if !reflect.DeepEqual(found, expected) {
		t.Fatalf("found    %#v\nexpected %#v", found, expected)
	}
}

func TestArgumentsAndResults(t *testing.T) {
	resize := func(_ guest.Job, url string, width *int) (map[string]any, error) {
		if width == nil {
			return map[string]any{"url": url}, nil
		}
		return map[string]any{"url": url, "width": *width}, nil
	}
	equal(t, process(t, resize, "<ä>", 7), `{"url":"<ä>","width":7}`)
	equal(t, process(t, resize, "a"), `{"url":"a"}`)
	equal(t, process(t, func(guest.Job) {}), "null")
	equal(t, process(t, func(_ guest.Job, any any) any { return any }, json.RawMessage("18446744073709551617")), "18446744073709551617")
	equal(t, process(t, func(guest.Job) error { var none *guest.Failure; return none }), "null")
	fails(t, resize, guest.Rejects, "invalid-args", "got 0 arguments")
	fails(t, resize, guest.Rejects, "invalid-args", "argument 2: expected int, got string", "a", "wide")
	fails(t, func(guest.Job) any { return make(chan int) }, guest.Rejects, "invalid-response", "chan int")
}

func TestWrongSignaturesPanic(t *testing.T) {
	failure := func(guest.Job) *guest.Failure { return nil }
	for _, wrong := range []any{1, failure, func() {}, func(guest.Job, ...int) {}, func(guest.Job) (int, int) { return 0, 0 }} {
		_, err := guesttest.New().Process(wrong)
		if err == nil || !strings.Contains(err.Error(), "func(guest.Job, …) (RESPONSE, error)") {
			t.Fatalf("%T: %v", wrong, err)
		}
	}
}

func TestErrors(t *testing.T) {
	fails(t, func(guest.Job) error { return guest.Reject("no", "page %d", 7) }, guest.Rejects, "no", "page 7")
	failure := fails(t, func(guest.Job) error { return guest.RetryAfter(time.Minute, "busy", "100 %%") }, guest.RetriesAfter, "busy", "100 %")
	equal(t, failure.Delay, time.Minute)
	failure = fails(t, func(guest.Job) { panic("it is broken") }, guest.Retries, "panic", "panic: it is broken")
	if !strings.Contains(failure.DetailsJSON(), "guesttest_test.go") {
		t.Fatal(failure.DetailsJSON())
	}
	equal(t, role.Problem(errors.New("plain")).Code, "failed")
	equal(t, role.Problem(guest.Retry("a", "b").With(map[string]int{"c": 1})).Details, `{"c":1}`)
	equal(t, role.Problem(guest.Retry("a", "b").With(make(chan int))).Details, "")
	equal(t, role.Problem(&guest.Problem{Code: "a", Message: "\xff"}).Message, "\uFFFD")
}

func TestAddedJobsHaveTheKeyOfTheirPosition(t *testing.T) {
	host := guesttest.New()
	host.Task, host.ID = "mail.send", 7
	send := func(guest.Job) ([]uint64, error) {
		first, err := guest.Add("archive", "a", 1)
		second, err2 := guest.AddWith("archive", nil, guest.Options{Delay: 1, Priority: -3, Unique: map[string]any{"by": "args"}})
		return []uint64{first, second}, errors.Join(err, err2)
	}
	for range 2 {
		response, err := host.Process(send)
		equal(t, err, nil)
		equal(t, response, "[1,2]")
	}
	equal(t, len(host.Added), 2)
	equal(t, host.Added[0], guesttest.Added{ID: 1, Task: "archive", Args: `["a",1]`, Options: map[string]any{"key": "mail.send/7/process/0"}})
	unique := map[string]any{"by": "args"}
	options := map[string]any{"key": "mail.send/7/process/1", "delay_ms": 1.0, "priority": -3.0, "unique": unique}
	equal(t, host.Added[1].Options, options)

	_, err := host.Process(func(guest.Job) (uint64, error) { return guest.Add("archive", "other") })
	var problem *guest.Problem
	if !errors.As(err, &problem) || problem.Code != "key-reused" || !strings.Contains(problem.Message, "job number 0 (from 0)") {
		t.Fatal(err)
	}
	for _, name := range []string{"add", ""} {
		equal(t, host.Call(name, func(guest.Job) error { _, err := guest.Add("log"); return err }), nil)
	}
	equal(t, host.Added[2].Options["key"], "mail.send/7/add/0")
	equal(t, host.Added[3].Options["key"], nil)
}

func TestJobsAreLookedUpAndCancelled(t *testing.T) {
	host := guesttest.New()
	host.QueueSize = 1
	ended := guest.JobView{ID: 5, Status: guest.Success, Current: 1, Total: 2, Message: "m", Response: json.RawMessage("true")}
	host.SetJob("a", ended)
	err := host.Call("process", func(guest.Job) error {
		found, err := guest.Get("a", 5)
		equal(t, []any{found, err}, []any{ended, nil})
		id, _ := guest.Add("a")
		equal(t, guest.Cancel("a", id), nil)
		equal(t, guest.Cancel("a", 5).Error(), "ended: job 5 of `a` has already ended")
		_, err = guest.Add("a", 2)
		return err
	})
	equal(t, err.Error(), "queue-full: the queue of `a` is full")
}

func TestContextAndLog(t *testing.T) {
	host := guesttest.New()
	host.Attempt, host.MaxAttempts, host.Remaining, host.CancelledAfter = 2, 3, time.Second, 1
	response, err := host.Process(func(job guest.Job) []any {
		before := job.IsCancelled()
		job.Progress(1, 2, "half \xff")
		remaining, _ := job.Remaining()
		guest.Log(slog.LevelWarn, "100 %%")
		slog.New(guest.NewLogHandler()).With("a", 1).Error("broken", "b", "x y")
		return []any{job.ID, job.Task(), job.Attempt(), job.MaxAttempts(), remaining, before, job.IsCancelled(), job.TraceParent()}
	})
	equal(t, err, nil)
	equal(t, response, `[1,"test",2,3,1000000000,false,true,""]`)
	equal(t, host.Progress, []guest.Progress{{Current: 1, Total: 2, Message: "half \uFFFD"}})
	equal(t, host.Lines, []guesttest.Line{{Level: 2, Message: "100 %"}, {Level: 3, Message: `msg=broken a=1 b="x y"`}})
}
