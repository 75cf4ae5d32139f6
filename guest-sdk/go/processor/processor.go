// Package processor makes a plugin a processor: a task's process can name its functions.
package processor

import (
	"saggar.local/guest"
	"saggar.local/guest/internal/function"
	"saggar.local/guest/internal/role"
)

var functions role.Functions[function.Processor]

// Handle adds a function by the name after # in a task's reference. The function takes a guest.Job and the job's arguments,
// in any types that encoding/json can fill in; trailing pointers may be left out. It returns a response, an error, both or
// nothing. Panics if it does not.
func Handle(name string, run any) { functions.Add(name, function.Check(name, run), false) }

// HandleDefault adds the function that a reference without a name selects, and its name.
func HandleDefault(name string, run any) { functions.Add(name, function.Check(name, run), true) }

// process runs a job: JSON in, JSON out.
func process(id uint64, args string) (response string, err error) {
	err = role.Run("process", func() error {
		run, err := functions.Pick()
		if err != nil {
			return err
		}
		response, err = run.Call(guest.Job{ID: id}, args)
		return err
	})
	return response, err
}
