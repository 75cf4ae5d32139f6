package idsource

import (
	"unsafe"

	"saggar.local/guest/internal/abi"
	"saggar.local/guest/internal/role"
)

//go:wasmexport saggar:task/id-source@0.1.0#next
func export() uint32 {
	abi.Enter()
	id, err := next()
	result := abi.Result()
	switch {
	case err != nil:
		result.Byte(0, 1)
		result.Problem(8, role.Problem(err))
	case id > 0:
		result.Byte(8, 1)
		result.Number(16, id)
	}
	return result.Address()
}

//go:wasmexport cabi_post_saggar:task/id-source@0.1.0#next
func post(unsafe.Pointer) { abi.End() }
