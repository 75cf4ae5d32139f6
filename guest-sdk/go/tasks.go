package guest

import (
	"encoding/json"
	"fmt"
	"time"

	"saggar.local/guest/internal/abi"
	"saggar.local/guest/internal/call"
)

// Status is the status of a job.
type Status string

// The statuses of a job.
const (
	Waiting Status = "waiting"
	Running Status = "running"
	Success Status = "success"
	Failed  Status = "failure"
)

// JobView is the current state of a job. Response is the processor's result as JSON; nil until Success.
type JobView struct {
	ID       uint64          `json:"id"`
	Status   Status          `json:"status"`
	Current  uint64          `json:"current"`
	Total    uint64          `json:"total"`
	Message  string          `json:"message"`
	Response json.RawMessage `json:"response"`
}

// Options are the options of an added job.
type Options struct {
	// Key is the idempotency key; empty for that of the job's position in the call.
	Key string
	// WithoutKey adds a job each time, even if the call is repeated.
	WithoutKey bool
	// Unique is as in the contract: map[string]any{"by": "args"}.
	Unique any
	// Priority is from -32768 to 32767; ready jobs of higher priority run first.
	Priority int
	// No attempt starts before Delay has passed, nor before RunAt.
	Delay time.Duration
	RunAt time.Time
}

// Add adds a job and returns its id. An attempt may be retried, and a handler may be called again after a crash; the job is
// still added once, because its key is made of the job, the role and the number of the add in the call. So add the same
// jobs in the same order each time.
func Add(task string, args ...any) (uint64, error) { return AddWith(task, args, Options{}) }

// AddWith adds a job with options.
func AddWith(task string, args []any, options Options) (uint64, error) {
	// Each add counts as a position, even if it does not use the position's key.
	key, number, isDerived := call.NextKey()
	isDerived = isDerived && options.Key == "" && !options.WithoutKey
	if !isDerived {
		key = options.Key
	}
	if args == nil {
		args = []any{}
	}
	argsJSON, err := json.Marshal(args)
	if err != nil {
		return 0, &Problem{Code: "invalid-args", Message: err.Error()}
	}
	optionsJSON, err := json.Marshal(options.members(key))
	if err != nil {
		return 0, &Problem{Code: "invalid-options", Message: err.Error()}
	}
	id, failed := abi.Must().AddWith(task, string(argsJSON), string(optionsJSON))
	if failed == nil {
		return id, nil
	}
	if isDerived && failed.Code == "key-reused" {
		failed.Message = fmt.Sprintf("job number %d (from 0) that this call adds differs from the one that the same call "+
			"added before: add the same jobs in the same order each time, or give the job its own key or none "+
			"(guest.Options); %s", number, failed.Message)
	}
	return 0, fromHost(failed)
}

func (options Options) members(key string) map[string]any {
	members := map[string]any{}
	if key != "" && !options.WithoutKey {
		members["key"] = key
	}
	if options.Unique != nil {
		members["unique"] = options.Unique
	}
	if options.Priority != 0 {
		members["priority"] = options.Priority
	}
	if options.Delay > 0 {
		members["delay_ms"] = call.Millis(options.Delay)
	}
	if !options.RunAt.IsZero() {
		members["run_at"] = options.RunAt.Format(time.RFC3339Nano)
	}
	return members
}

// Get looks up a job: while it waits or runs, and after its end until retention removes it. It fails with not-added if
// no job of this task added it, unless the task has access to all jobs; the job that the call is about is always found.
func Get(task string, id uint64) (JobView, error) {
	job, failed := abi.Must().Get(task, id)
	if failed != nil {
		return JobView{}, fromHost(failed)
	}
	statuses := [...]Status{Waiting, Running, Success, Failed}
	view := JobView{ID: job.ID, Status: statuses[job.Status], Current: job.Current, Total: job.Total, Message: job.Message}
	if job.HasResponse {
		view.Response = json.RawMessage(job.Response)
	}
	return view, nil
}

// Cancel cancels a job that Get finds. It fails with ended if the job has already ended.
func Cancel(task string, id uint64) error {
	if failed := abi.Must().Cancel(task, id); failed != nil {
		return fromHost(failed)
	}
	return nil
}

func fromHost(failed *abi.Problem) *Problem {
	problem := &Problem{Code: failed.Code, Message: failed.Message}
	if failed.Details != "" {
		problem.Details = json.RawMessage(failed.Details)
	}
	return problem
}
