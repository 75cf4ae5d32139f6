//! `wasi:cli/environment`: the variables that the task was granted. Guests have no arguments and no current directory.
//!
//! Reading them does not show that a guest continues after a refusal of memory: a runtime that gives up does that, too.

use wasmtime::component::Linker;
use wasmtime_wasi::p2::bindings::cli::environment::{self, Host};

use crate::guest::{Guest, HasGuest};

/// Links the interface over the library's.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    environment::add_to_linker::<_, HasGuest>(linker, |guest| guest)
}

impl Host for Guest {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.services()?.env())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}
