// Package progresshandler makes a plugin a progress handler: a task's event.progress can name its functions.
package progresshandler

import (
	"saggar.local/guest"
	"saggar.local/guest/internal/role"
)

var functions role.Functions[func(job guest.Job, progress guest.Progress) error]

// Handle adds a function by the name after # in a task's reference.
func Handle(name string, run func(job guest.Job, progress guest.Progress) error) {
	functions.Add(name, run, false)
}

// HandleDefault adds the function that a reference without a name selects, and its name.
func HandleDefault(name string, run func(job guest.Job, progress guest.Progress) error) {
	functions.Add(name, run, true)
}

func handle(id uint64, progress guest.Progress) error {
	return role.Run("", func() error {
		run, err := functions.Pick()
		if err != nil {
			return err
		}
		return run(guest.Job{ID: id}, progress)
	})
}
