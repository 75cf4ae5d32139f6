//! `saggar:task/context`: information about the running call.

use std::time::Instant;

use crate::bindings::context::Host;
use crate::guest::Guest;
use crate::observation::{Observation, Observed};
use crate::used_imports::Import;

impl Host for Guest {
    fn id(&mut self) -> wasmtime::Result<u64> {
        Ok(self.current(Import::Context)?.job.id.0)
    }

    fn task(&mut self) -> wasmtime::Result<String> {
        Ok(self.current(Import::Context)?.job.task.to_string())
    }

    fn attempt(&mut self) -> wasmtime::Result<u32> {
        Ok(self.current(Import::Context)?.job.attempt)
    }

    fn max_attempts(&mut self) -> wasmtime::Result<u32> {
        Ok(self.current(Import::Context)?.job.max_attempts)
    }

    fn handler(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.current(Import::Context)?.job.handler.as_deref().map(str::to_owned))
    }

    fn remaining_ms(&mut self) -> wasmtime::Result<Option<u64>> {
        let deadline = self.current(Import::Context)?.deadline;
        let remaining = |_: &mut Self| {
            let remaining = deadline.saturating_duration_since(Instant::now());
            Ok(Observed::Number(u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX)))
        };
        Ok(Some(self.observe(Observation::RemainingTime, remaining)?.number()?))
    }

    fn is_cancelled(&mut self) -> wasmtime::Result<bool> {
        let services = self.current(Import::Context)?.services.clone();
        let is_cancelled = |_: &mut Self| Ok(Observed::Flag(services.is_cancelled()));
        Ok(self.observe(Observation::Cancellation, is_cancelled)?.flag()?)
    }

    fn trace_parent(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.current(Import::Context)?.job.trace_parent.as_deref().map(str::to_owned))
    }
}
