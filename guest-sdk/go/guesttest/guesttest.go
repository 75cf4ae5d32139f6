// Package guesttest has a fake host for tests in ordinary Go: it calls a function of a plugin as a host does, through JSON,
// and records its progress, log lines and jobs.
//
// The fake host does not truncate, coalesce or limit anything, does not run added jobs, and ignores Unique. Calling the same
// function twice on one host repeats the call: a job added at the same position is the one that is there already. Its key-value
// store grants everything, and nothing in it expires.
package guesttest

import (
	"encoding/json"
	"fmt"
	"time"

	"saggar.local/guest"
	"saggar.local/guest/internal/abi"
	"saggar.local/guest/internal/function"
	"saggar.local/guest/internal/role"
)

// Host is a fake host. Its zero value runs attempt 0 of job 0; New has better ones.
type Host struct {
	ID                   uint64
	Task                 string
	Attempt, MaxAttempts uint32
	// Remaining is the time until the call times out; 0 without a timeout.
	Remaining   time.Duration
	TraceParent string
	// CancelledAfter cancels the job after this many progress reports; negative never.
	CancelledAfter int
	// QueueSize is how many jobs can be added before queue-full; negative is unlimited.
	QueueSize int

	// Progress, Lines and Added are what the plugin reported, logged and added, in order.
	Progress []guest.Progress
	Lines    []Line
	Added    []Added

	jobs map[key]abi.Job
	kv   store
}

// Line is a line that a plugin logged; its level is 0 for debug, 1 for info, 2 for warn and 3 for error.
type Line struct {
	Level   uint32
	Message string
}

// Added is a job that a plugin added. Options are those of the contract.
type Added struct {
	ID      uint64
	Task    string
	Args    string
	Options map[string]any
}

type key struct {
	task string
	id   uint64
}

// New returns a host that runs attempt 1 of 1 of job 1 of the task test.
func New() *Host {
	return &Host{ID: 1, Task: "test", Attempt: 1, MaxAttempts: 1, CancelledAfter: -1, QueueSize: -1}
}

// Process runs one attempt with a function that a processor can be, and returns the response as JSON.
func (host *Host) Process(run any, args ...any) (response string, err error) {
	if args == nil {
		args = []any{}
	}
	list, err := json.Marshal(args)
	if err != nil {
		return "", err
	}
	err = host.run("process", func() error {
		response, err = function.Check("of the test", run).Call(guest.Job{ID: host.ID}, string(list))
		return err
	})
	return response, err
}

// Call runs any code that needs a host, such as a handler: its jobs get the keys of this role, which is add, success or
// error; none if it is empty.
func (host *Host) Call(name string, run func(job guest.Job) error) error {
	return host.run(name, func() error { return run(guest.Job{ID: host.ID}) })
}

// SetJob sets the job that guest.Get returns.
func (host *Host) SetJob(task string, view guest.JobView) {
	statuses := map[guest.Status]uint8{guest.Waiting: 0, guest.Running: 1, guest.Success: 2, guest.Failed: 3}
	job := abi.Job{ID: view.ID, Status: statuses[view.Status], Current: view.Current, Total: view.Total}
	job.Message, job.Response, job.HasResponse = view.Message, string(view.Response), view.Response != nil
	host.put(task, job)
}

func (host *Host) run(name string, body func() error) error {
	before := abi.Current
	abi.Current = fake{host}
	defer func() { abi.Current = before }()
	return role.Run(name, body)
}

func (host *Host) put(task string, job abi.Job) {
	if host.jobs == nil {
		host.jobs = map[key]abi.Job{}
	}
	host.jobs[key{task, job.ID}] = job
}

type fake struct{ host *Host }

func (fake fake) ID() uint64              { return fake.host.ID }
func (fake fake) Task() string            { return fake.host.Task }
func (fake fake) Attempt() uint32         { return fake.host.Attempt }
func (fake fake) MaxAttempts() uint32     { return fake.host.MaxAttempts }
func (fake fake) Handler() (string, bool) { return "", false }
func (fake fake) TraceParent() (string, bool) {
	return fake.host.TraceParent, fake.host.TraceParent != ""
}

func (fake fake) RemainingMs() (uint64, bool) {
	return uint64(fake.host.Remaining / time.Millisecond), fake.host.Remaining > 0
}

func (fake fake) IsCancelled() bool {
	return fake.host.CancelledAfter >= 0 && len(fake.host.Progress) >= fake.host.CancelledAfter
}

func (fake fake) Report(current, total uint64, message string) {
	fake.host.Progress = append(fake.host.Progress, guest.Progress{Current: current, Total: total, Message: message})
}

func (fake fake) Write(level uint32, message string) {
	fake.host.Lines = append(fake.host.Lines, Line{level, message})
}

func (fake fake) AddWith(task, args, options string) (uint64, *abi.Problem) {
	var members map[string]any
	if err := json.Unmarshal([]byte(options), &members); err != nil {
		return 0, &abi.Problem{Code: "invalid-options", Message: err.Error()}
	}
	for _, before := range fake.host.Added {
		if members["key"] == nil || before.Task != task || before.Options["key"] != members["key"] {
			continue
		}
		if before.Args == args {
			return before.ID, nil
		}
		message := fmt.Sprintf("job %d of `%s` has this key and other arguments", before.ID, task)
		return 0, &abi.Problem{Code: "key-reused", Message: message}
	}
	if fake.host.QueueSize >= 0 && len(fake.host.Added) >= fake.host.QueueSize {
		return 0, &abi.Problem{Code: "queue-full", Message: fmt.Sprintf("the queue of `%s` is full", task)}
	}
	id := uint64(len(fake.host.Added)) + 1
	fake.host.Added = append(fake.host.Added, Added{id, task, args, members})
	fake.host.put(task, abi.Job{ID: id})
	return id, nil
}

func (fake fake) Get(task string, id uint64) (abi.Job, *abi.Problem) {
	job, ok := fake.host.jobs[key{task, id}]
	if !ok {
		return abi.Job{}, &abi.Problem{Code: "unknown-job", Message: fmt.Sprintf("unknown job %d of `%s`", id, task)}
	}
	return job, nil
}

func (fake fake) Cancel(task string, id uint64) *abi.Problem {
	job, problem := fake.Get(task, id)
	if problem != nil {
		return problem
	}
	if job.Status > 1 {
		return &abi.Problem{Code: "ended", Message: fmt.Sprintf("job %d of `%s` has already ended", id, task)}
	}
	job.Status = 3
	fake.host.put(task, job)
	return nil
}
