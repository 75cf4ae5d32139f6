package guest

import (
	"encoding/json"
	"fmt"
	"time"
)

// Problem is an error with a short, stable code in kebab case: what the functions for tasks return. Details are kept as
// JSON, at most 64 KiB.
type Problem struct {
	Code, Message string
	Details       any
}

func (problem *Problem) Error() string { return problem.Code + ": " + problem.Message }

// Outcome says what happens to a job whose attempt failed.
type Outcome int

const (
	// Retries is another attempt after the task's attempt_after.
	Retries Outcome = iota
	// RetriesAfter is another attempt after the failure's delay.
	RetriesAfter
	// Rejects ends the job as FAILURE now.
	Rejects
)

// Failure is an error that says what happens to the job. Any other error means a retry, with the code failed.
type Failure struct {
	Problem
	Outcome Outcome
	Delay   time.Duration
}

// Unwrap returns the problem.
func (failure *Failure) Unwrap() error { return &failure.Problem }

// With adds details, which are kept as JSON.
func (failure *Failure) With(details any) *Failure {
	failure.Details = details
	return failure
}

// Reject returns an error for what no attempt can do: the job ends as FAILURE now. Its message is formatted like
// fmt.Sprintf.
func Reject(code, format string, values ...any) *Failure {
	return &Failure{Problem: problem(code, format, values), Outcome: Rejects}
}

// Retry returns an error after which another attempt may succeed.
func Retry(code, format string, values ...any) *Failure {
	return &Failure{Problem: problem(code, format, values), Outcome: Retries}
}

// RetryAfter returns an error after which another attempt may succeed, when the delay has passed (at most 30 days).
func RetryAfter(delay time.Duration, code, format string, values ...any) *Failure {
	return &Failure{Problem: problem(code, format, values), Outcome: RetriesAfter, Delay: delay}
}

func problem(code, format string, values []any) Problem {
	return Problem{Code: code, Message: fmt.Sprintf(format, values...)}
}

// DetailsJSON returns the details as JSON; empty if there are none, or if they cannot be serialized, because they only
// supplement the message.
func (problem *Problem) DetailsJSON() string {
	if problem.Details == nil {
		return ""
	}
	text, err := json.Marshal(problem.Details)
	if err != nil {
		return ""
	}
	return string(text)
}
