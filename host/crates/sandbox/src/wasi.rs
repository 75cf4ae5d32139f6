//! WASI for guests: the library's, whose clocks and random numbers also show that the guest continues after a refusal
//! of memory. Its other interfaces do not: a runtime that gives up writes its last words, looks for its environment,
//! and exits through them.
//!
//! Clocks, random numbers and readiness are observations, which can be recorded and replayed.

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::clocks::WasiClocksView as _;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};
use wasmtime_wasi::random::WasiRandomView as _;

use crate::guest::{Guest, HasGuest, MAX_RANDOM};
use crate::observation::{Observation, Observed};
use crate::{environment, filesystem, poll};

/// Links WASI.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    wall_clock::add_to_linker::<_, HasGuest>(linker, |guest| guest)?;
    monotonic_clock::add_to_linker::<_, HasGuest>(linker, |guest| guest)?;
    random::add_to_linker::<_, HasGuest>(linker, |guest| guest)?;
    insecure::add_to_linker::<_, HasGuest>(linker, |guest| guest)?;
    insecure_seed::add_to_linker::<_, HasGuest>(linker, |guest| guest)?;
    poll::link(linker)?;
    environment::link(linker)?;
    filesystem::link(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn datetime(observed: Observed) -> wasmtime::Result<wall_clock::Datetime> {
    let (seconds, nanoseconds) = observed.pair()?;
    Ok(wall_clock::Datetime { seconds, nanoseconds: u32::try_from(nanoseconds)? })
}

fn pair(time: wall_clock::Datetime) -> Observed {
    Observed::Pair(time.seconds, u64::from(time.nanoseconds))
}

impl wall_clock::Host for Guest {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        let now = |guest: &mut Self| wall_clock::Host::now(&mut guest.clocks()).map(pair);
        datetime(self.continued().observe(Observation::WallClock, now)?)
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        let now = |guest: &mut Self| wall_clock::Host::resolution(&mut guest.clocks()).map(pair);
        datetime(self.continued().observe(Observation::WallClockResolution, now)?)
    }
}

impl monotonic_clock::Host for Guest {
    fn now(&mut self) -> wasmtime::Result<u64> {
        let now = |guest: &mut Self| monotonic_clock::Host::now(&mut guest.clocks()).map(Observed::Number);
        Ok(self.continued().observe(Observation::MonotonicClock, now)?.number()?)
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        let now = |guest: &mut Self| monotonic_clock::Host::resolution(&mut guest.clocks()).map(Observed::Number);
        Ok(self.continued().observe(Observation::MonotonicClockResolution, now)?.number()?)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        if self.continued().is_replay() {
            // A replay shows what was ready when, and waits for nothing.
            return monotonic_clock::Host::subscribe_duration(&mut self.clocks(), 0);
        }
        monotonic_clock::Host::subscribe_instant(&mut self.clocks(), when)
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let duration = if self.continued().is_replay() { 0 } else { duration };
        monotonic_clock::Host::subscribe_duration(&mut self.clocks(), duration)
    }
}

impl random::Host for Guest {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        if len > MAX_RANDOM {
            // The library refuses it, so there is nothing to observe.
            return random::Host::get_random_bytes(self.continued().random(), len);
        }
        let now = |guest: &mut Self| random::Host::get_random_bytes(guest.random(), len).map(Observed::Bytes);
        Ok(self.continued().observe(Observation::RandomBytes(len), now)?.bytes()?)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        let now = |guest: &mut Self| random::Host::get_random_u64(guest.random()).map(Observed::Number);
        Ok(self.continued().observe(Observation::RandomNumber, now)?.number()?)
    }
}

impl insecure::Host for Guest {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        if len > MAX_RANDOM {
            return insecure::Host::get_insecure_random_bytes(self.continued().random(), len);
        }
        let now =
            |guest: &mut Self| insecure::Host::get_insecure_random_bytes(guest.random(), len).map(Observed::Bytes);
        Ok(self.continued().observe(Observation::InsecureBytes(len), now)?.bytes()?)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        let now = |guest: &mut Self| insecure::Host::get_insecure_random_u64(guest.random()).map(Observed::Number);
        Ok(self.continued().observe(Observation::InsecureNumber, now)?.number()?)
    }
}

impl insecure_seed::Host for Guest {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        let now = |guest: &mut Self| {
            insecure_seed::Host::insecure_seed(guest.random()).map(|(first, second)| Observed::Pair(first, second))
        };
        Ok(self.continued().observe(Observation::InsecureSeed, now)?.pair()?)
    }
}
