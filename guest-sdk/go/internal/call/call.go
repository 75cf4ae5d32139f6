// Package call knows the running call: its role, and the position of the next job that it adds.
package call

import (
	"strconv"
	"time"

	"saggar.local/guest/internal/abi"
)

var (
	role string
	adds uint64
)

// Begin begins a call. The role is empty if the host does not repeat the call identically.
func Begin(name string) { role, adds = name, 0 }

// NextKey returns the idempotency key of the next job that the call adds, and its number; false if the job has no id yet, or
// if the call is not repeated identically.
func NextKey() (key string, number uint64, ok bool) {
	number = adds
	adds++
	if role == "" {
		return "", number, false
	}
	host := abi.Must()
	id := strconv.FormatUint(host.ID(), 10)
	return host.Task() + "/" + id + "/" + role + "/" + strconv.FormatUint(number, 10), number, true
}

// Millis converts a delay to whole milliseconds, rounded up so that no attempt starts too early.
func Millis(delay time.Duration) uint64 {
	return uint64((max(delay, 0) + time.Millisecond - 1) / time.Millisecond)
}
