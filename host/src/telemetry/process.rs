//! Metrics of this process from the operating system, with the usual names of Prometheus clients. Absent on systems
//! without `/proc`.

use std::fs;
use std::time::Duration;

use metrics::{Unit, describe_gauge, gauge};
use saggar_job::{Clock, SystemClock};

const RESIDENT: &str = "process_resident_memory_bytes";
const PEAK: &str = "process_resident_memory_peak_bytes";
const VIRTUAL: &str = "process_virtual_memory_bytes";
const THREADS: &str = "process_threads";
const FILES: &str = "process_open_fds";
const STARTED: &str = "process_start_time_seconds";
const BUILD: &str = "saggar_build_info";

/// Describes the metrics, and records the constant ones: the start time and the version.
pub(super) fn begin() {
    describe_gauge!(RESIDENT, Unit::Bytes, "Resident memory of the process");
    describe_gauge!(PEAK, Unit::Bytes, "Peak resident memory of the process");
    describe_gauge!(VIRTUAL, Unit::Bytes, "Virtual memory of the process; the pool of sandboxes reserves much of it");
    describe_gauge!(THREADS, "Threads of the process");
    describe_gauge!(FILES, "Open file descriptors of the process");
    describe_gauge!(STARTED, Unit::Seconds, "Start time of the process in seconds since 1970");
    describe_gauge!(BUILD, "1, with the version of the host");
    gauge!(STARTED).set(Duration::from_millis(SystemClock.now().0).as_secs_f64());
    gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// Records the current usage of the process.
pub(super) fn measure() {
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        let kibibytes = |key| number(&status, key).map(|kibibytes| kibibytes * 1024.0);
        for (name, value) in [
            (RESIDENT, kibibytes("VmRSS:")),
            (PEAK, kibibytes("VmHWM:")),
            (VIRTUAL, kibibytes("VmSize:")),
            (THREADS, number(&status, "Threads:")),
        ] {
            if let Some(value) = value {
                gauge!(name).set(value);
            }
        }
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        // Except the descriptor of this listing itself.
        gauge!(FILES).set(files.count().saturating_sub(1) as f64);
    }
}

/// Returns the number after `key` in the text of `/proc/self/status`.
fn number(status: &str, key: &str) -> Option<f64> {
    status.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_key() {
        let status = "Name:\tsaggar\nVmSize:\t  123456 kB\nVmRSS:\t    7890 kB\nThreads:\t12\n";
        assert_eq!(number(status, "VmRSS:"), Some(7890.0));
        assert_eq!(number(status, "Threads:"), Some(12.0));
        assert_eq!(number(status, "VmHWM:"), None);
        assert_eq!(number(status, "Name:"), None);
    }
}
