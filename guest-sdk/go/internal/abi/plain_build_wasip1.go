//go:build !saggar_build

package abi

// `go build` alone makes plugins whose memory is corrupted. The error of the compiler names this.
var _ = this_plugin_must_be_built_with__go_run_saggar_local_guest_build
