package errorhandler

import (
	"unsafe"

	"saggar.local/guest/internal/abi"
	"saggar.local/guest/internal/role"
)

//go:wasmexport saggar:task/error-handler@0.1.0#on-error
func export(id uint64, code, codeLength, message, messageLength, hasDetails, details, detailsLength uint32) uint32 {
	abi.Enter()
	text := ""
	if hasDetails != 0 {
		text = abi.Text(details, detailsLength)
	}
	problem := role.FromHost(abi.Text(code, codeLength), abi.Text(message, messageLength), text)
	return abi.Done(role.HandlerProblem(handle(id, problem)))
}

//go:wasmexport cabi_post_saggar:task/error-handler@0.1.0#on-error
func post(unsafe.Pointer) { abi.End() }
