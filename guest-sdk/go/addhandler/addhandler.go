// Package addhandler makes a plugin an add handler: a task's event.add can name its functions.
package addhandler

import (
	"saggar.local/guest"
	"saggar.local/guest/internal/role"
)

var functions role.Functions[func(job guest.Job) error]

// Handle adds a function by the name after # in a task's reference.
func Handle(name string, run func(job guest.Job) error) { functions.Add(name, run, false) }

// HandleDefault adds the function that a reference without a name selects, and its name.
func HandleDefault(name string, run func(job guest.Job) error) { functions.Add(name, run, true) }

func handle(id uint64) error {
	return role.Run("add", func() error {
		run, err := functions.Pick()
		if err != nil {
			return err
		}
		return run(guest.Job{ID: id})
	})
}
