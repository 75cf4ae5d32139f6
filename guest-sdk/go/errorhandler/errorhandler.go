// Package errorhandler makes a plugin an error handler: a task's event.error can name its functions.
package errorhandler

import (
	"saggar.local/guest"
	"saggar.local/guest/internal/role"
)

var functions role.Functions[func(job guest.Job, problem *guest.Problem) error]

// Handle adds a function by the name after # in a task's reference.
func Handle(name string, run func(job guest.Job, problem *guest.Problem) error) {
	functions.Add(name, run, false)
}

// HandleDefault adds the function that a reference without a name selects, and its name.
func HandleDefault(name string, run func(job guest.Job, problem *guest.Problem) error) {
	functions.Add(name, run, true)
}

func handle(id uint64, problem *guest.Problem) error {
	return role.Run("error", func() error {
		run, err := functions.Pick()
		if err != nil {
			return err
		}
		return run(guest.Job{ID: id}, problem)
	})
}
