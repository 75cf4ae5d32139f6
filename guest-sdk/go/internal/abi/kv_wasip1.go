package abi

import "unsafe"

// An option<u64> is two parameters: whether there is one, and the number.

//go:wasmimport saggar:task/kv@0.1.0 get
func importKVGet(key string, result unsafe.Pointer)

//go:wasmimport saggar:task/kv@0.1.0 set
func importKVSet(key, value string, hasTTL uint32, ttlMs uint64, result unsafe.Pointer)

//go:wasmimport saggar:task/kv@0.1.0 compare-and-swap
func importKVSwap(
	key string, hasExpected uint32, expected uint64, value string, hasTTL uint32, ttlMs uint64, result unsafe.Pointer,
)

//go:wasmimport saggar:task/kv@0.1.0 increment
func importKVIncrement(key string, by int64, hasTTL uint32, ttlMs uint64, result unsafe.Pointer)

//go:wasmimport saggar:task/kv@0.1.0 remove
func importKVRemove(key string, hasExpected uint32, expected uint64, result unsafe.Pointer)

//go:wasmimport saggar:task/kv@0.1.0 keys
func importKVKeys(prefix string, hasAfter uint32, after string, limit uint32, result unsafe.Pointer)

// some returns the first parameter of an option: 1 if it has a value.
func some(has bool) uint32 {
	if has {
		return 1
	}
	return 0
}

// asked calls an import and returns its result. The problem of a failed call is at the place of its value.
func asked(call func(result unsafe.Pointer), value uintptr) (*area, *Problem) {
	result := new(area)
	stopClock(true)
	call(result.pointer())
	stopClock(false)
	if result.byte(0) != 0 {
		return result, result.problem(value)
	}
	return result, nil
}

func (realHost) KVGet(key string) (KVEntry, *Problem) {
	result, problem := asked(func(result unsafe.Pointer) { importKVGet(key, result) }, 8)
	if problem != nil || result.byte(8) == 0 {
		return KVEntry{}, problem
	}
	entry := KVEntry{Value: result.text(16), Version: result.number(24), Expires: result.byte(32) != 0}
	if entry.Expires {
		entry.ExpiresInMs = result.number(40)
	}
	return entry, nil
}

func (realHost) KVSet(key, value string, ttlMs uint64) (uint64, *Problem) {
	result, problem := asked(func(result unsafe.Pointer) { importKVSet(key, value, some(ttlMs > 0), ttlMs, result) }, 8)
	if problem != nil {
		return 0, problem
	}
	return result.number(8), nil
}

func (realHost) KVSwap(key string, expected uint64, value string, ttlMs uint64) (uint64, *Problem) {
	result, problem := asked(func(result unsafe.Pointer) {
		importKVSwap(key, some(expected > 0), expected, value, some(ttlMs > 0), ttlMs, result)
	}, 8)
	if problem != nil || result.byte(8) == 0 {
		return 0, problem
	}
	return result.number(16), nil
}

func (realHost) KVIncrement(key string, by int64, ttlMs uint64) (int64, *Problem) {
	result, problem := asked(func(result unsafe.Pointer) {
		importKVIncrement(key, by, some(ttlMs > 0), ttlMs, result)
	}, 8)
	if problem != nil {
		return 0, problem
	}
	return int64(result.number(8)), nil
}

func (realHost) KVRemove(key string, expected uint64) (bool, *Problem) {
	result, problem := asked(func(result unsafe.Pointer) {
		importKVRemove(key, some(expected > 0), expected, result)
	}, 4)
	if problem != nil {
		return false, problem
	}
	return result.byte(4) != 0, nil
}

func (realHost) KVKeys(prefix, after string, hasAfter bool, limit uint32) (KVPage, *Problem) {
	result, problem := asked(func(result unsafe.Pointer) {
		importKVKeys(prefix, some(hasAfter), after, limit, result)
	}, 4)
	if problem != nil {
		return KVPage{}, problem
	}
	list, length := result.word(4), result.word(8)
	page := KVPage{Keys: make([]string, length)}
	for at := range page.Keys {
		text := (*[2]uint32)(unsafe.Pointer(uintptr(list) + 8*uintptr(at)))
		page.Keys[at] = Text(text[0], text[1])
	}
	page.Next, page.HasMore = result.optionalText(12)
	return page, nil
}
