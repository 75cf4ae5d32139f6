//! The memory of a process, as reported by the kernel.

use std::fs;
use std::time::{Duration, Instant};

use crate::timeout::TIMEOUT;

/// The pause between two readings of the memory of a process that settles.
const PAUSE: Duration = Duration::from_millis(250);

/// The memory has settled when this many readings in a row differ by no more than [`SETTLED_BYTES`].
const SETTLED_READINGS: usize = 8;

/// See [`SETTLED_READINGS`].
const SETTLED_BYTES: u64 = 1 << 20;

/// Measures by how much the resident memory of a process grows.
#[derive(Debug)]
pub struct Growth {
    process: String,
    before: u64,
    /// What the peak is compared with.
    peak_before: u64,
}

impl Growth {
    /// Starts measuring this process.
    pub fn watch() -> Self {
        Self::watch_process("self".to_owned())
    }

    /// Starts measuring the process with this id, which must belong to the same user.
    pub fn watch_other(pid: u32) -> Self {
        Self::watch_process(pid.to_string())
    }

    /// Starts measuring the process with this id when its memory has settled; see [`settled_bytes`].
    pub async fn watch_settled(pid: u32, work: impl AsyncFn()) -> Self {
        settled_bytes(pid, work).await;
        Self::watch_other(pid)
    }

    fn watch_process(process: String) -> Self {
        // Writing 5 resets the peak. Only root may do so for a hardened host; for others it grows from the peak so far.
        let is_reset = fs::write(format!("/proc/{process}/clear_refs"), "5").is_ok();
        let before = status_bytes(&process, "VmRSS:");
        let peak_before = if is_reset { before } else { status_bytes(&process, "VmHWM:") };
        Self { process, before, peak_before }
    }

    /// Returns the bytes by which the process has grown.
    pub fn bytes(&self) -> u64 {
        status_bytes(&self.process, "VmRSS:").saturating_sub(self.before)
    }

    /// Returns the bytes by which the process had grown at its peak.
    pub fn peak_bytes(&self) -> u64 {
        status_bytes(&self.process, "VmHWM:").saturating_sub(self.peak_before)
    }

    /// Waits until the process has grown by at most `limit`, but not for long; returns the bytes by which it has. `work` is
    /// done between the readings.
    pub async fn bytes_within(&self, limit: u64, work: impl AsyncFn()) -> u64 {
        process_bytes_within(&self.process, self.before + limit, work).await.saturating_sub(self.before)
    }
}

/// Returns the peak resident memory of a process since its start, or `None` if it has ended.
pub fn peak_bytes(pid: u32) -> Option<u64> {
    status_field(&pid.to_string(), "VmHWM:")
}

/// Returns the current resident memory of a process, or `None` if it has ended.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    status_field(&pid.to_string(), "VmRSS:")
}

/// Waits until the resident memory of a process has settled, but not for long; returns it. `work` is done between the
/// readings, because an allocator gives pages back while it is used.
pub async fn settled_bytes(pid: u32, work: impl AsyncFn()) -> u64 {
    let (mut readings, deadline) = (Vec::new(), Instant::now() + TIMEOUT);
    loop {
        work().await;
        readings.push(resident_bytes(pid).expect("the process exists"));
        let latest = &readings[readings.len().saturating_sub(SETTLED_READINGS)..];
        let (least, most) = latest.iter().fold((u64::MAX, 0), |(least, most), now| (least.min(*now), most.max(*now)));
        let has_settled = latest.len() == SETTLED_READINGS && most - least <= SETTLED_BYTES;
        if has_settled || Instant::now() > deadline {
            return most;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits until the resident memory of a process is within `limit`, but not for long; returns it. `work` is done between the
/// readings.
pub async fn bytes_within(pid: u32, limit: u64, work: impl AsyncFn()) -> u64 {
    process_bytes_within(&pid.to_string(), limit, work).await
}

async fn process_bytes_within(process: &str, limit: u64, work: impl AsyncFn()) -> u64 {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        work().await;
        let now = status_bytes(process, "VmRSS:");
        if now <= limit || Instant::now() > deadline {
            return now;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn status_bytes(process: &str, field: &str) -> u64 {
    status_field(process, field).expect("the process exists")
}

/// Returns `None` if the process has ended, even if it is still a zombie.
fn status_field(process: &str, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_memory_counts_towards_the_peak() {
        let growth = Growth::watch();
        let bytes = std::hint::black_box(vec![1_u8; 64 << 20]);
        drop(bytes);
        assert!(growth.peak_bytes() >= 60 << 20);
    }
}
