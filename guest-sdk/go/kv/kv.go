// Package kv is the tenant's key-value store: what a plugin keeps between jobs.
//
//	kv.Set("user/7", map[string]string{"name": "Ada"})
//	user, found, err := kv.Get[map[string]string]("user/7")
//	visits, err := kv.Increment("visits", 1)
//
// All tasks of the tenant share it. A task that uses it requests it ("sandbox": {"kv": "write"}), and the operator grants it;
// every other call fails with not-granted.
//
// Each call is one atomic step, and a write is on disk before it returns. A write does not depend on how the attempt ends, and
// an attempt that is repeated repeats its writes: use Update, Swap, or keys that are made of the job's id.
//
// Values are JSON, as in the SDKs for other languages; GetBytes and SetBytes are for any others. A key has from 1 to 512 bytes,
// a value at most 1 MiB.
package kv

import (
	"encoding/json"
	"fmt"
	"time"

	"saggar.local/guest"
	"saggar.local/guest/internal/abi"
	"saggar.local/guest/internal/call"
)

// Entry is an entry of the store.
type Entry[T any] struct {
	Value T
	// Version is changed by every write; it is never 0.
	Version uint64
	// ExpiresIn is the time until the entry expires, if Expires is true.
	ExpiresIn time.Duration
	Expires   bool
}

// Page is some keys, in the order of their bytes.
type Page struct {
	Keys []string
	// Next is the key after which to continue, if HasMore is true.
	Next    string
	HasMore bool
}

const pageSize = 1000

// Get returns the value of a key; false if there is none.
func Get[T any](key string) (value T, found bool, err error) {
	entry, found, err := Find[T](key)
	return entry.Value, found, err
}

// Find returns the value of a key with its version; false if there is none.
func Find[T any](key string) (entry Entry[T], found bool, err error) {
	bytes, found, err := GetBytes(key)
	if err != nil || !found {
		return entry, false, err
	}
	if err := json.Unmarshal(bytes.Value, &entry.Value); err != nil {
		return Entry[T]{}, false, invalid(key, err)
	}
	entry.Version, entry.ExpiresIn, entry.Expires = bytes.Version, bytes.ExpiresIn, bytes.Expires
	return entry, true, nil
}

// GetBytes returns an entry whose value need not be JSON; false if there is none.
func GetBytes(key string) (entry Entry[[]byte], found bool, err error) {
	raw, problem := abi.Must().KVGet(key)
	if problem != nil || raw.Version == 0 {
		return entry, false, fromHost(problem)
	}
	entry = Entry[[]byte]{Value: []byte(raw.Value), Version: raw.Version, Expires: raw.Expires}
	entry.ExpiresIn = time.Duration(min(raw.ExpiresInMs, 1<<43)) * time.Millisecond
	return entry, true, nil
}

// Set writes a value, and returns its version.
func Set(key string, value any) (uint64, error) { return SetFor(key, value, 0) }

// SetFor writes a value that expires after a time; never with 0.
func SetFor(key string, value any, ttl time.Duration) (uint64, error) {
	bytes, err := json.Marshal(value)
	if err != nil {
		return 0, invalid(key, err)
	}
	return SetBytes(key, bytes, ttl)
}

// SetBytes writes a value that need not be JSON, and expires after a time; never with 0.
func SetBytes(key string, value []byte, ttl time.Duration) (uint64, error) {
	version, problem := abi.Must().KVSet(key, string(value), call.Millis(ttl))
	return version, fromHost(problem)
}

// Swap writes a value if the entry has this version, or if there is no entry for 0. It returns the new version; 0 if the entry
// is another one. The value expires after a time; never with 0.
func Swap(key string, version uint64, value any, ttl time.Duration) (uint64, error) {
	bytes, err := json.Marshal(value)
	if err != nil {
		return 0, invalid(key, err)
	}
	swapped, problem := abi.Must().KVSwap(key, version, string(bytes), call.Millis(ttl))
	return swapped, fromHost(problem)
}

// Update replaces a value (the zero value if there is none) with what a function makes of it, and returns that. It calls the
// function again if another job has written the entry meanwhile.
func Update[T any](key string, change func(value T) (T, error)) (T, error) {
	for {
		entry, _, err := Find[T](key)
		if err != nil {
			return entry.Value, err
		}
		value, err := change(entry.Value)
		if err != nil {
			return value, err
		}
		if version, err := Swap(key, entry.Version, value, 0); err != nil || version != 0 {
			return value, err
		}
	}
}

// Increment adds to a number, and returns the sum. No entry counts as 0.
func Increment(key string, by int64) (int64, error) { return IncrementFor(key, by, 0) }

// IncrementFor adds to a number that expires a time after the call that creates it; never with 0.
func IncrementFor(key string, by int64, ttl time.Duration) (int64, error) {
	sum, problem := abi.Must().KVIncrement(key, by, call.Millis(ttl))
	return sum, fromHost(problem)
}

// Remove removes an entry; it returns whether there was one.
func Remove(key string) (bool, error) { return RemoveVersion(key, 0) }

// RemoveVersion removes an entry if it has this version; it returns whether it had.
func RemoveVersion(key string, version uint64) (bool, error) {
	removed, problem := abi.Must().KVRemove(key, version)
	return removed, fromHost(problem)
}

// Keys returns all keys that begin with a prefix. There may be many; Pages returns some of them.
func Keys(prefix string) ([]string, error) {
	page, err := Pages(prefix, nil, pageSize)
	keys := page.Keys
	for err == nil && page.HasMore {
		after := page.Next
		page, err = Pages(prefix, &after, pageSize)
		keys = append(keys, page.Keys...)
	}
	return keys, err
}

// Pages returns keys that begin with a prefix, after a key unless it is nil, at most limit (at most 1,000).
func Pages(prefix string, after *string, limit uint32) (Page, error) {
	var from string
	if after != nil {
		from = *after
	}
	page, problem := abi.Must().KVKeys(prefix, from, after != nil, limit)
	return Page{page.Keys, page.Next, page.HasMore}, fromHost(problem)
}

func invalid(key string, err error) error {
	return &guest.Problem{Code: "invalid-value", Message: fmt.Sprintf("the value of the key `%s`: %v", key, err)}
}

// fromHost returns the problem of a failed call as an error; nil if there is none.
func fromHost(failed *abi.Problem) error {
	if failed == nil {
		return nil
	}
	problem := &guest.Problem{Code: failed.Code, Message: failed.Message}
	if failed.Details != "" {
		problem.Details = json.RawMessage(failed.Details)
	}
	return problem
}
