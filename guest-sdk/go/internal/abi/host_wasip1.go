package abi

import (
	"strings"
	"unsafe"
)

func init() { Current = realHost{} }

type realHost struct{}

//go:wasmimport saggar:task/context@0.1.0 id
func importID() uint64

//go:wasmimport saggar:task/context@0.1.0 task
func importTask(result unsafe.Pointer)

//go:wasmimport saggar:task/context@0.1.0 attempt
func importAttempt() uint32

//go:wasmimport saggar:task/context@0.1.0 max-attempts
func importMaxAttempts() uint32

//go:wasmimport saggar:task/context@0.1.0 handler
func importHandler(result unsafe.Pointer)

//go:wasmimport saggar:task/context@0.1.0 remaining-ms
func importRemainingMs(result unsafe.Pointer)

//go:wasmimport saggar:task/context@0.1.0 is-cancelled
func importIsCancelled() uint32

//go:wasmimport saggar:task/context@0.1.0 trace-parent
func importTraceParent(result unsafe.Pointer)

//go:wasmimport saggar:task/progress@0.1.0 report
func importReport(current, total uint64, message string)

//go:wasmimport saggar:task/log@0.1.0 write
func importWrite(level uint32, message string)

//go:wasmimport saggar:task/tasks@0.1.0 add-with
func importAddWith(task, args, options string, result unsafe.Pointer)

//go:wasmimport saggar:task/tasks@0.1.0 get
func importGet(task string, id uint64, result unsafe.Pointer)

//go:wasmimport saggar:task/tasks@0.1.0 cancel
func importCancel(task string, id uint64, result unsafe.Pointer)

// area is where an import writes its result: aligned for a u64, and on the heap, where nothing moves it while the host
// allocates.
type area [8]uint64

func (a *area) pointer() unsafe.Pointer  { return unsafe.Pointer(a) }
func (a *area) byte(at uintptr) uint8    { return *(*uint8)(unsafe.Add(a.pointer(), at)) }
func (a *area) word(at uintptr) uint32   { return *(*uint32)(unsafe.Add(a.pointer(), at)) }
func (a *area) number(at uintptr) uint64 { return *(*uint64)(unsafe.Add(a.pointer(), at)) }
func (a *area) text(at uintptr) string   { return Text(a.word(at), a.word(at+4)) }

func (a *area) optionalText(at uintptr) (string, bool) {
	if a.byte(at) == 0 {
		return "", false
	}
	return a.text(at + 4), true
}

func (a *area) problem(at uintptr) *Problem {
	details, _ := a.optionalText(at + 16)
	return &Problem{Code: a.text(at), Message: a.text(at + 8), Details: details}
}

// Text copies a text of the host, which was allocated by cabi_realloc.
func Text(address, length uint32) string {
	if length == 0 {
		return ""
	}
	text := unsafe.String((*byte)(unsafe.Pointer(uintptr(address))), length)
	return strings.Clone(text)
}

func (realHost) ID() uint64          { return importID() }
func (realHost) Attempt() uint32     { return importAttempt() }
func (realHost) MaxAttempts() uint32 { return importMaxAttempts() }
func (realHost) IsCancelled() bool   { return importIsCancelled() != 0 }

func (realHost) Task() string {
	result := new(area)
	stopClock(true)
	importTask(result.pointer())
	stopClock(false)
	return result.text(0)
}

func (realHost) Handler() (string, bool) {
	result := new(area)
	stopClock(true)
	importHandler(result.pointer())
	stopClock(false)
	return result.optionalText(0)
}

func (realHost) RemainingMs() (uint64, bool) {
	result := new(area)
	importRemainingMs(result.pointer())
	return result.number(8), result.byte(0) != 0
}

func (realHost) TraceParent() (string, bool) {
	result := new(area)
	stopClock(true)
	importTraceParent(result.pointer())
	stopClock(false)
	return result.optionalText(0)
}

func (realHost) Report(current, total uint64, message string) {
	importReport(current, total, message)
}

func (realHost) Write(level uint32, message string) { importWrite(level, message) }

func (realHost) AddWith(task, args, options string) (uint64, *Problem) {
	result := new(area)
	stopClock(true)
	importAddWith(task, args, options, result.pointer())
	stopClock(false)
	if result.byte(0) != 0 {
		return 0, result.problem(8)
	}
	return result.number(8), nil
}

func (realHost) Get(task string, id uint64) (Job, *Problem) {
	result := new(area)
	stopClock(true)
	importGet(task, id, result.pointer())
	stopClock(false)
	if result.byte(0) != 0 {
		return Job{}, result.problem(8)
	}
	job := Job{ID: result.number(8), Status: result.byte(16), Current: result.number(24), Total: result.number(32)}
	job.Message = result.text(40)
	job.Response, job.HasResponse = result.optionalText(48)
	return job, nil
}

func (realHost) Cancel(task string, id uint64) *Problem {
	result := new(area)
	stopClock(true)
	importCancel(task, id, result.pointer())
	stopClock(false)
	if result.byte(0) != 0 {
		return result.problem(4)
	}
	return nil
}
