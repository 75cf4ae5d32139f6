package addhandler

import (
	"unsafe"

	"saggar.local/guest/internal/abi"
	"saggar.local/guest/internal/role"
)

//go:wasmexport saggar:task/add-handler@0.1.0#on-add
func export(id uint64) uint32 {
	abi.Enter()
	return abi.Done(role.HandlerProblem(handle(id)))
}

//go:wasmexport cabi_post_saggar:task/add-handler@0.1.0#on-add
func post(unsafe.Pointer) { abi.End() }
