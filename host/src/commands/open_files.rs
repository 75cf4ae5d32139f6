//! How many files the process may have open: as many as its connections need, or fewer connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use saggar::api::Limits;

/// Files beside the connections: the store's, plugins while they are loaded, the log, and some to spare.
const OTHERS: u64 = 512;

/// The limits of a listener as far as they fit into what the system allows this process, which is raised for them if it can be. The
/// common limit of 1,024 files would be used up by a thousand idle clients, and the store and plugins need some.
pub(crate) fn within(limits: Limits) -> Limits {
    let wanted = limits.connections as u64 + OTHERS;
    let allowed = raise_to(wanted);
    if allowed >= wanted {
        return limits;
    }
    let connections = connections_within(allowed);
    tracing::warn!(
        files = allowed,
        connections,
        "the system lets this process open few files, so it takes fewer connections; raise the limit (ulimit -n, or \
         LimitNOFILE= of its unit) to {wanted} for {}",
        limits.connections
    );
    Limits { connections, ..limits }
}

/// How many files the process may have open from now on: `wanted`, or as many as the system allows.
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
            tracing::debug!(%error, "the number of open files cannot be raised");
            has
        }
    }
}

/// Half of what is left, where little is, so that there are some in any case.
fn connections_within(files: u64) -> usize {
    let connections = files.saturating_sub(OTHERS).max(files / 2).max(2);
    usize::try_from(connections).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_others() {
        assert_eq!(connections_within(4_000), 3_488);
        assert_eq!(connections_within(1_024), 512);
        assert_eq!(connections_within(100), 50);
        assert_eq!(connections_within(0), 2);
    }
}
