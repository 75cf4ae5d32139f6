//! `saggar:task/progress`: the progress of the job.

use crate::bindings::progress::Host;
use crate::guest::Guest;
use crate::text::{cut, escaped};
use crate::used_imports::Import;

/// Maximum bytes of a progress message.
const MAX_MESSAGE: usize = 1024;

impl Host for Guest {
    fn report(&mut self, current: u64, total: u64, message: String) -> wasmtime::Result<()> {
        self.current(Import::Progress)?.services.progress(
            current.min(total),
            total,
            &escaped(cut(&message, MAX_MESSAGE)),
        );
        Ok(())
    }
}
