package abi

import "unsafe"

// stopClock is in the runtime that the SDK's `build` makes; a plugin does not link without it. The clock stands still
// whenever the host may allocate, which is in imports that return a text, and between calls.
//
//go:linkname stopClock runtime.guestStopClock
func stopClock(isStopped bool)

func init() { stopClock(true) }

// Enter begins an export.
func Enter() { stopClock(false) }

// held keeps alive what the host has a pointer to, until the end of the call.
var held []any

// realloc allocates for the host, which never grows or frees. Go's collector moves nothing.
//
//go:wasmexport cabi_realloc
func realloc(_ unsafe.Pointer, _, _, size uint32) unsafe.Pointer {
	words := make([]uint64, size/8+1)
	held = append(held, words)
	return unsafe.Pointer(&words[0])
}

// End frees what the call has held.
func End() { held = nil }

// result is the area of the export that runs: at most 56 bytes, aligned for a u64.
var result area

// Result begins the result of an export, all zeros. The export ends with it: whatever follows must not call the host.
func Result() *Area {
	stopClock(true)
	result = area{}
	return (*Area)(&result)
}

// Area is where an export writes its result.
type Area area

// Address returns the address that an export returns.
func (a *Area) Address() uint32 { return uint32(uintptr(unsafe.Pointer(a))) }

// Byte writes a byte.
func (a *Area) Byte(at uintptr, value uint8) { *(*uint8)(unsafe.Add(unsafe.Pointer(a), at)) = value }

// Number writes a u64.
func (a *Area) Number(at uintptr, value uint64) {
	*(*uint64)(unsafe.Add(unsafe.Pointer(a), at)) = value
}

// Text writes a text, and keeps it alive until the end of the call. An address is a word of 32 bits in the ABI, and of
// 64 bits in Go.
func (a *Area) Text(at uintptr, text string) {
	if text == "" {
		return
	}
	held = append(held, text)
	*(*uint32)(unsafe.Add(unsafe.Pointer(a), at)) = uint32(uintptr(unsafe.Pointer(unsafe.StringData(text))))
	*(*uint32)(unsafe.Add(unsafe.Pointer(a), at+4)) = uint32(len(text))
}

// Problem writes a problem.
func (a *Area) Problem(at uintptr, problem *Problem) {
	a.Text(at, problem.Code)
	a.Text(at+8, problem.Message)
	if problem.Details != "" {
		a.Byte(at+16, 1)
		a.Text(at+20, problem.Details)
	}
}

// Done writes a result<_, problem> and returns its address.
func Done(problem *Problem) uint32 {
	area := Result()
	if problem != nil {
		area.Byte(0, 1)
		area.Problem(4, problem)
	}
	return area.Address()
}
