//! How much memory this process takes, as the kernel counts it.

use std::fs;

/// Resident memory of this process: how much there was, and how much more there was at the worst moment since.
#[derive(Debug)]
pub struct Growth {
    before: u64,
}

impl Growth {
    /// Begins to watch.
    pub fn watch() -> Self {
        // 5 makes the kernel forget the highest value so far.
        fs::write("/proc/self/clear_refs", "5").expect("the kernel lets a process reset its own peak");
        Self { before: status_bytes("VmRSS:") }
    }

    /// Bytes by which the process had grown at the worst moment.
    pub fn peak_bytes(&self) -> u64 {
        status_bytes("VmHWM:").saturating_sub(self.before)
    }
}

fn status_bytes(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("the kernel tells about this process");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field is there");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
    kib * 1024
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
