// Package successhandler makes a plugin a success handler: a task's event.success can name its functions.
package successhandler

import (
	"encoding/json"

	"saggar.local/guest"
	"saggar.local/guest/internal/role"
)

var functions role.Functions[func(job guest.Job, response json.RawMessage) error]

// Handle adds a function by the name after # in a task's reference.
func Handle(name string, run func(job guest.Job, response json.RawMessage) error) {
	functions.Add(name, run, false)
}

// HandleDefault adds the function that a reference without a name selects, and its name.
func HandleDefault(name string, run func(job guest.Job, response json.RawMessage) error) {
	functions.Add(name, run, true)
}

func handle(id uint64, response string) error {
	return role.Run("success", func() error {
		run, err := functions.Pick()
		if err != nil {
			return err
		}
		return run(guest.Job{ID: id}, json.RawMessage(response))
	})
}
