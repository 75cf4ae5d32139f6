//! What connections may cost.

use std::time::Duration;

/// What connections may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at a time. A new one beyond them closes one without a request, or waits. More than the clients of a host, few
    /// enough for the file descriptors that a process commonly has.
    pub connections: usize,
    /// Which share of them one client address may have. More than half, because a proxy has one address.
    pub address_share: f64,
    /// How long a request's head may take, and how long a connection may idle between two requests. The first head of a
    /// connection has [`FIRST_HEAD_TIME`](Self::FIRST_HEAD_TIME) at most.
    pub head_time: Duration,
    /// Bytes of a head, and of what is read ahead.
    pub head_bytes: usize,
    /// Headers of a request.
    pub headers: usize,
    /// How long a client may read nothing of what it is sent.
    pub write_time: Duration,
    /// Clients that follow events or wait for a job's end, at a time. At most half of the connections, so that ordinary
    /// requests find one.
    pub followers: usize,
}

impl Limits {
    /// How long a new connection may take for its first head: a client connects because it has a request.
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
