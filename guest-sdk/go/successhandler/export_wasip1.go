package successhandler

import (
	"unsafe"

	"saggar.local/guest/internal/abi"
	"saggar.local/guest/internal/role"
)

//go:wasmexport saggar:task/success-handler@0.1.0#on-success
func export(id uint64, response, length uint32) uint32 {
	abi.Enter()
	return abi.Done(role.HandlerProblem(handle(id, abi.Text(response, length))))
}

//go:wasmexport cabi_post_saggar:task/success-handler@0.1.0#on-success
func post(unsafe.Pointer) { abi.End() }
