//! How a guest observes something: a replay shows it what was recorded, and otherwise the services are told what it sees.

use wasmtime::ResourceLimiter;

use crate::guest::Guest;
use crate::limiter::Limiter;
use crate::observation::{Observation, Observed, Replayed};

/// The guest of a replay has asked for something at which the recorded call was stopped.
#[derive(Debug, thiserror::Error)]
#[error("the recorded call was stopped here")]
struct Stopped;

impl Guest {
    /// Lets the guest observe something: what a replay shows, or what `now` returns.
    pub(crate) fn observe(
        &mut self,
        what: Observation,
        now: impl FnOnce(&mut Self) -> wasmtime::Result<Observed>,
    ) -> wasmtime::Result<Observed> {
        if let Some(observed) = self.replayed(what)? {
            return Ok(observed);
        }
        let observed = now(self)?;
        self.note_observed(what, &observed);
        Ok(observed)
    }

    /// Returns what a replay shows; `None` if the call is no replay. Fails if the recorded call was stopped here.
    pub(crate) fn replayed(&mut self, what: Observation) -> wasmtime::Result<Option<Observed>> {
        let Some(current) = &mut self.current else { return Ok(None) };
        match current.services.replayed(what) {
            None => Ok(None),
            Some(Replayed::Observed(observed)) => Ok(Some(observed)),
            Some(Replayed::Stop(stop)) => {
                current.stopped = Some(stop);
                Err(Stopped.into())
            }
        }
    }

    /// Returns whether the call is a replay, in which nothing waits for time to pass.
    pub(crate) fn is_replay(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.services.is_replay())
    }

    /// Tells the services that the guest waits for an observation, which it may not live to see.
    pub(crate) fn note_waiting(&self, what: Observation) {
        if let Some(current) = &self.current {
            current.services.waits_for(what);
        }
    }

    /// Tells the services what the guest observed.
    pub(crate) fn note_observed(&self, what: Observation, observed: &Observed) {
        if let Some(current) = &self.current {
            current.services.observed(what, observed);
        }
    }

    /// Decides on a growth of the guest's memories, tables and resources.
    pub(crate) fn grow(&mut self, grow: impl FnOnce(&mut Limiter) -> wasmtime::Result<bool>) -> wasmtime::Result<bool> {
        let Some(current) = &mut self.current else { return grow(&mut self.limiter) };
        current.growths += 1;
        let what = Observation::Growth(current.growths);
        if self.replayed(what)? == Some(Observed::Flag(false)) {
            self.limiter.refuse();
            return Ok(false);
        }
        let is_allowed = grow(&mut self.limiter)?;
        if !is_allowed && self.limiter.is_refused_by_quota() {
            self.note_observed(what, &Observed::Flag(false));
        }
        Ok(is_allowed)
    }
}

impl ResourceLimiter for Guest {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(|limiter| limiter.memory_growing(current, desired, maximum))
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.limiter.memory_grow_failed(error)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(|limiter| limiter.table_growing(current, desired, maximum))
    }

    fn instances(&self) -> usize {
        self.limiter.instances()
    }

    fn tables(&self) -> usize {
        self.limiter.tables()
    }

    fn memories(&self) -> usize {
        self.limiter.memories()
    }
}
