//! `wasi:io/poll`: the library's, whose results are observations. What is ready first depends on time and on others, and a
//! guest acts on it, so a replay shows what was recorded.

use wasmtime::component::{Linker, Resource, ResourceTable};
use wasmtime_wasi::WasiView as _;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_io::bindings::wasi::io::poll::{self, Host, HostPollable};

use crate::guest::{Guest, HasGuest};
use crate::observation::{Observation, Observed};

/// Links the interface over the library's.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    poll::add_to_linker::<_, HasGuest>(linker, |guest| guest)
}

impl Host for Guest {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        if pollables.is_empty() {
            // The library refuses it, so there is nothing to observe.
            return Host::poll(self.ctx().table, pollables).await;
        }
        let what = Observation::Poll(u32::try_from(pollables.len()).unwrap_or(u32::MAX));
        if let Some(observed) = self.replayed(what)? {
            let ready = observed.indices()?;
            for at in &ready {
                // What was ready then is ready soon: timers at once, and answers when they have been replayed.
                if let Some(pollable) = pollables.get(*at as usize) {
                    wait(self.ctx().table, pollable.rep()).await?;
                }
            }
            return Ok(ready);
        }
        self.note_waiting(what);
        let ready = Host::poll(self.ctx().table, pollables).await?;
        self.note_observed(what, &Observed::Indices(ready.clone()));
        Ok(ready)
    }
}

impl HostPollable for Guest {
    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        let is_replayed = self.replayed(Observation::Wait)?.is_some();
        if !is_replayed {
            self.note_waiting(Observation::Wait);
        }
        HostPollable::block(self.ctx().table, pollable).await?;
        if !is_replayed {
            self.note_observed(Observation::Wait, &Observed::Nothing);
        }
        Ok(())
    }

    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        if let Some(observed) = self.replayed(Observation::Readiness)? {
            let is_ready = observed.flag()?;
            if is_ready {
                wait(self.ctx().table, pollable.rep()).await?;
            }
            return Ok(is_ready);
        }
        let is_ready = HostPollable::ready(self.ctx().table, pollable).await?;
        self.note_observed(Observation::Readiness, &Observed::Flag(is_ready));
        Ok(is_ready)
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        HostPollable::drop(self.ctx().table, pollable)
    }
}

async fn wait(table: &mut ResourceTable, pollable: u32) -> wasmtime::Result<()> {
    HostPollable::block(table, Resource::new_borrow(pollable)).await
}
