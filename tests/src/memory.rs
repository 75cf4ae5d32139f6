//! The memory of a process, as the kernel counts it.

use std::fs;

/// Resident memory of a process: the amount at the start, and the peak since.
#[derive(Debug)]
pub struct Growth {
    process: String,
    before: u64,
}

impl Growth {
    /// Starts to watch this process.
    pub fn watch() -> Self {
        Self::watch_process("self".to_owned())
    }

    /// Starts to watch the process with this id, of the same user.
    pub fn watch_other(pid: u32) -> Self {
        Self::watch_process(pid.to_string())
    }

    fn watch_process(process: String) -> Self {
        // 5 makes the kernel reset the peak.
        fs::write(format!("/proc/{process}/clear_refs"), "5").expect("the kernel resets the peak of a process of ours");
        let before = status_bytes(&process, "VmRSS:");
        Self { process, before }
    }

    /// Bytes by which the process is larger now.
    pub fn bytes(&self) -> u64 {
        status_bytes(&self.process, "VmRSS:").saturating_sub(self.before)
    }

    /// Bytes by which the process had grown at its peak.
    pub fn peak_bytes(&self) -> u64 {
        status_bytes(&self.process, "VmHWM:").saturating_sub(self.before)
    }
}

/// Peak resident memory of a process since its start; `None` if it has ended.
pub fn peak_bytes(pid: u32) -> Option<u64> {
    status_field(&pid.to_string(), "VmHWM:")
}

/// Current resident memory of a process; `None` if it has ended.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    status_field(&pid.to_string(), "VmRSS:")
}

fn status_bytes(process: &str, field: &str) -> u64 {
    status_field(process, field).expect("the kernel tells about a process")
}

/// `None` for a process that has ended and has no memory any more.
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
    fn what_was_given_back_counts_too() {
        let growth = Growth::watch();
        let bytes = std::hint::black_box(vec![1_u8; 64 << 20]);
        drop(bytes);
        assert!(growth.peak_bytes() >= 60 << 20);
    }
}
