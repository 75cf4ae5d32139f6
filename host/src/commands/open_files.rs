//! The limit of open files: raises it to what the connections need, or reduces the connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use saggar::api::Limits;

/// Files reserved for other purposes: the store, plugins while they are loaded, the log, and some spare ones.
const RESERVED_FILES: u64 = 512;

/// Raises the process's limit of open files for the listener's connections, or reduces the connections to what the
/// system allows. Otherwise a thousand idle clients would use up the common limit of 1,024 files, and leave none for
/// the store and plugins.
pub(crate) fn within(limits: Limits) -> Limits {
    let wanted = limits.connections as u64 + RESERVED_FILES;
    let allowed = raise_to(wanted);
    if allowed >= wanted {
        return limits;
    }
    let connections = connections_within(allowed);
    tracing::warn!(
        files = allowed,
        connections,
        "the system limits open files, so the host accepts fewer connections; raise the limit (ulimit -n, or \
         LimitNOFILE= of its unit) to {wanted} for {}",
        limits.connections
    );
    Limits { connections, ..limits }
}

/// Raises the limit of open files to `wanted`, or to what the system allows; returns the new limit.
fn raise_to(wanted: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let (Some(has), allowed) = (current, maximum.unwrap_or(u64::MAX)) else { return u64::MAX };
    let more = wanted.min(allowed);
    if has >= more {
        return has;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(more), maximum }) {
        Ok(()) => more,
        Err(error) => {
            tracing::debug!(%error, "cannot raise the limit of open files");
            has
        }
    }
}

/// Returns how many connections fit into a limit of `files`: all but the reserved ones, but at least half of the limit
/// and at least 2.
fn connections_within(files: u64) -> usize {
    let connections = files.saturating_sub(RESERVED_FILES).max(files / 2).max(2);
    usize::try_from(connections).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_other_purposes() {
        assert_eq!(connections_within(4_000), 3_488);
        assert_eq!(connections_within(1_024), 512);
        assert_eq!(connections_within(100), 50);
        assert_eq!(connections_within(0), 2);
    }
}
