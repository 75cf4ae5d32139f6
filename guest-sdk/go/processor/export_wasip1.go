package processor

import (
	"errors"
	"unsafe"

	"saggar.local/guest"
	"saggar.local/guest/internal/abi"
	"saggar.local/guest/internal/call"
	"saggar.local/guest/internal/role"
)

//go:wasmexport saggar:task/processor@0.1.0#process
func export(id uint64, args, length uint32) uint32 {
	abi.Enter()
	response, err := process(id, abi.Text(args, length))
	result := abi.Result()
	if err == nil {
		result.Text(8, response)
		return result.Address()
	}
	result.Byte(0, 1)
	result.Problem(16, role.Problem(err))
	var failure *guest.Failure
	if errors.As(err, &failure) {
		result.Byte(8, uint8(failure.Outcome))
		result.Number(48, call.Millis(failure.Delay))
	}
	return result.Address()
}

//go:wasmexport cabi_post_saggar:task/processor@0.1.0#process
func post(unsafe.Pointer) { abi.End() }
