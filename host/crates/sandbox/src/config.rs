//! The configuration of wasmtime.

use wasmtime::{Config, OptLevel, WasmBacktraceDetails};

/// Maximum stack frames of a guest in a problem.
pub(crate) const MAX_FRAMES: usize = 16;

/// Returns the settings for both allocators. Proposals that guests do not need are disabled.
pub(crate) fn base_config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(false)
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(MAX_FRAMES))
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        // A NaN has many representations, and which one an operation makes depends on the processor. A recorded call gives
        // the same results on every machine.
        .cranelift_nan_canonicalization(true)
        .wasm_tail_call(true)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .memory_init_cow(true);
    config
}
