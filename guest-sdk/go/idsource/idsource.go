// Package idsource makes a plugin an id source: a task's event.next can name its functions.
package idsource

import "saggar.local/guest/internal/role"

// Next returns the id for a new job; 0 uses the task's own counter.
type Next func() (id uint64, err error)

var functions role.Functions[Next]

// Handle adds a function by the name after # in a task's reference.
func Handle(name string, next Next) { functions.Add(name, next, false) }

// HandleDefault adds the function that a reference without a name selects, and its name.
func HandleDefault(name string, next Next) { functions.Add(name, next, true) }

func next() (id uint64, err error) {
	err = role.Run("", func() error {
		run, err := functions.Pick()
		if err != nil {
			return err
		}
		id, err = run()
		return err
	})
	return id, err
}
