//! The limits of connections.

use std::time::Duration;

/// The limits of connections.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum open connections. Beyond it, a new connection evicts one without a request, or waits. The default is
    /// more than the clients of a host, and few enough for the file descriptors that a process commonly has.
    pub connections: usize,
    /// The share of them that one client address may have. More than half, because a proxy has one address.
    pub address_share: f64,
    /// Timeout of a request's head, and of an idle connection between two requests. The first head of a connection has
    /// at most [`FIRST_HEAD_TIME`](Self::FIRST_HEAD_TIME).
    pub head_time: Duration,
    /// Maximum bytes of a head, and of the read buffer.
    pub head_bytes: usize,
    /// Maximum headers of a request.
    pub headers: usize,
    /// How long a client may read nothing of its answer.
    pub write_time: Duration,
    /// Maximum clients that follow events or wait for a job's end. Limited to half of the connections, so that other
    /// requests find one.
    pub followers: usize,
}

impl Limits {
    /// Timeout of the first head of a connection. It is short because a client connects when it has a request.
    pub const FIRST_HEAD_TIME: Duration = Duration::from_secs(5);

    pub(crate) fn first_head_time(&self) -> Duration {
        self.head_time.min(Self::FIRST_HEAD_TIME)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            address_share: 0.75,
            head_time: Duration::from_secs(30),
            head_bytes: 64 * 1024,
            headers: 100,
            write_time: Duration::from_secs(30),
            followers: 2_048,
        }
    }
}
