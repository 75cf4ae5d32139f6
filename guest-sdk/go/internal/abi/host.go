// Package abi is the border to the host: the imports of the contract, and the memory that the canonical ABI needs. In a
// component the host is the real one, elsewhere a fake one.
package abi

// Problem is the contract's error; Details is JSON text, empty if there is none.
type Problem struct {
	Code, Message, Details string
}

// Job is a job as the host describes it; Response is JSON text.
type Job struct {
	ID             uint64
	Status         uint8
	Current, Total uint64
	Message        string
	Response       string
	HasResponse    bool
}

// KVEntry is an entry of the key-value store as the host describes it.
type KVEntry struct {
	Value       string
	Version     uint64
	ExpiresInMs uint64
	Expires     bool
}

// KVPage is some keys; Next is the key after which to continue.
type KVPage struct {
	Keys    []string
	Next    string
	HasMore bool
}

// Host has the imports of the contract. Values of jobs are JSON texts.
type Host interface {
	ID() uint64
	Task() string
	Attempt() uint32
	MaxAttempts() uint32
	Handler() (name string, ok bool)
	RemainingMs() (ms uint64, ok bool)
	IsCancelled() bool
	TraceParent() (context string, ok bool)
	Report(current, total uint64, message string)
	Write(level uint32, message string)
	AddWith(task, args, options string) (uint64, *Problem)
	Get(task string, id uint64) (Job, *Problem)
	Cancel(task string, id uint64) *Problem

	// Of the key-value store. A version and a time of 0 stand for none.

	KVGet(key string) (KVEntry, *Problem)
	KVSet(key, value string, ttlMs uint64) (uint64, *Problem)
	KVSwap(key string, expected uint64, value string, ttlMs uint64) (uint64, *Problem)
	KVIncrement(key string, by int64, ttlMs uint64) (int64, *Problem)
	KVRemove(key string, expected uint64) (bool, *Problem)
	KVKeys(prefix, after string, hasAfter bool, limit uint32) (KVPage, *Problem)
}

// Current is the host of the running call; nil outside of a component if no test has installed a fake one.
var Current Host

// Must returns the host of the running call.
func Must() Host {
	if Current == nil {
		panic("no host: outside of a component a plugin runs in a call of guesttest.Host")
	}
	return Current
}
