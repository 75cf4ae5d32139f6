//! WASI for guests: the library's, whose clocks and random numbers also show that the guest continues after a refusal
//! of memory. Its other interfaces do not: a runtime that gives up writes its last words, looks for its environment,
//! and exits through them.

use wasmtime::component::Linker;
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::{clocks, random};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView};

use crate::guest::Guest;

/// Links WASI.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    clocks::wall_clock::add_to_linker::<_, WasiClocks>(linker, |guest| guest.continued().clocks())?;
    clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(linker, |guest| guest.continued().clocks())?;
    random::random::add_to_linker::<_, WasiRandom>(linker, |guest| guest.continued().random())?;
    random::insecure::add_to_linker::<_, WasiRandom>(linker, |guest| guest.continued().random())?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(linker, |guest| guest.continued().random())?;
    linker.allow_shadowing(false);
    Ok(())
}
