package progresshandler

import (
	"unsafe"

	"saggar.local/guest"
	"saggar.local/guest/internal/abi"
	"saggar.local/guest/internal/role"
)

//go:wasmexport saggar:task/progress-handler@0.1.0#on-progress
func export(id, current, total uint64, message, length uint32) uint32 {
	abi.Enter()
	return abi.Done(role.HandlerProblem(handle(id, guest.Progress{Current: current, Total: total, Message: abi.Text(message, length)})))
}

//go:wasmexport cabi_post_saggar:task/progress-handler@0.1.0#on-progress
func post(unsafe.Pointer) { abi.End() }
