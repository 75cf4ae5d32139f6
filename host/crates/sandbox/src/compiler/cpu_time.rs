//! The processor time of another process.

use std::time::Duration;

/// The clock of a process that counts the time for which the kernel has run its threads (`CPUCLOCK_SCHED`).
const RUN_TIME: libc::clockid_t = 2;

/// Returns the processor time that all threads of a process have used, those that have ended included; `None` if there is
/// no such process. A process that has exited exists until its exit status is taken.
#[expect(unsafe_code, reason = "the kernel writes the time to a local variable")]
pub(super) fn of_process(id: u32) -> Option<Duration> {
    // What `clock_getcpuclockid` computes, after a call of the kernel that has no use here.
    let clock = (!libc::pid_t::try_from(id).ok()? << 3) | RUN_TIME;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for a time during the call.
    let result = unsafe { libc::clock_gettime(clock, &raw mut time) };
    if result != 0 {
        return None;
    }
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_time_of_a_process_grows_while_it_computes() {
        let (itself, most) = (std::process::id(), Instant::now() + Duration::from_secs(60));
        let before = of_process(itself).unwrap();
        while of_process(itself).unwrap() < before + Duration::from_millis(20) {
            assert!(Instant::now() < most, "the clock does not advance");
        }
        assert_eq!(of_process(u32::MAX), None, "no process has this id");
    }
}
