//! What a tenant can have a quota of, and the settings.

use std::fmt;
use std::time::Duration;

/// What a tenant can have a quota of, as a count at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quota {
    /// Attempts that run at the same time.
    Running,
    /// Jobs that are ready, on hold, delayed or retrying.
    Waiting,
    /// Bytes of all its sandboxes, including what is behind handles.
    Memory,
    /// Bytes of all its stored jobs.
    KeepBytes,
    /// HTTP connections whose last request had one of its tokens.
    Connections,
    /// Clients that follow events or a log, or wait for a job.
    Streams,
    /// Bytes of request bodies in memory.
    RequestBytes,
    /// Bytes of large answers in memory.
    ResponseBytes,
    /// Components and scripts that are being compiled.
    Compilations,
}

impl Quota {
    /// All quotas, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Running,
        Self::Waiting,
        Self::Memory,
        Self::KeepBytes,
        Self::Connections,
        Self::Streams,
        Self::RequestBytes,
        Self::ResponseBytes,
        Self::Compilations,
    ];

    /// Returns its name in the configuration, in errors, in the API and as a label of metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Memory => "memory",
            Self::KeepBytes => "keep_bytes",
            Self::Connections => "connections",
            Self::Streams => "streams",
            Self::RequestBytes => "request_bytes",
            Self::ResponseBytes => "response_bytes",
            Self::Compilations => "compilations",
        }
    }
}

/// What a tenant can have a quota of, as an amount in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RateQuota {
    /// Jobs that are added, by clients and by guests.
    AddsPerSecond,
    /// Bytes that its guests log.
    LogBytesPerSecond,
    /// Seconds that its guests compute, and that its code is compiled.
    CpuSecondsPerHour,
}

impl RateQuota {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::AddsPerSecond, Self::LogBytesPerSecond, Self::CpuSecondsPerHour];

    /// Returns its name in the configuration, in errors, in the API and as a label of metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::AddsPerSecond => "adds_per_second",
            Self::LogBytesPerSecond => "log_bytes_per_second",
            Self::CpuSecondsPerHour => "cpu_seconds_per_hour",
        }
    }

    /// Returns the period that it counts over.
    pub fn period(self) -> Duration {
        match self {
            Self::AddsPerSecond | Self::LogBytesPerSecond => Duration::from_secs(1),
            Self::CpuSecondsPerHour => Duration::from_secs(60 * 60),
        }
    }

    /// Returns how many units are counted for 1 of the setting: CPU time is counted in microseconds.
    pub(crate) fn scale(self) -> u64 {
        match self {
            Self::AddsPerSecond | Self::LogBytesPerSecond => 1,
            Self::CpuSecondsPerHour => 1_000_000,
        }
    }
}

/// The quotas of a tenant, as they are configured. `None` means no quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quotas {
    /// See [`Quota::Running`].
    pub running: Option<u64>,
    /// See [`Quota::Waiting`].
    pub waiting: Option<u64>,
    /// See [`Quota::Memory`].
    pub memory: Option<u64>,
    /// See [`Quota::KeepBytes`].
    pub keep_bytes: Option<u64>,
    /// See [`RateQuota::AddsPerSecond`].
    pub adds_per_second: Option<u64>,
    /// See [`RateQuota::LogBytesPerSecond`].
    pub log_bytes_per_second: Option<u64>,
    /// See [`Quota::Connections`].
    pub connections: Option<u64>,
    /// See [`Quota::Streams`].
    pub streams: Option<u64>,
    /// See [`Quota::RequestBytes`].
    pub request_bytes: Option<u64>,
    /// See [`Quota::ResponseBytes`].
    pub response_bytes: Option<u64>,
    /// See [`Quota::Compilations`].
    pub compilations: Option<u64>,
    /// See [`RateQuota::CpuSecondsPerHour`].
    pub cpu_seconds_per_hour: Option<u64>,
}

impl Quotas {
    /// Returns the setting of a quota.
    pub fn count(&self, quota: Quota) -> Option<u64> {
        match quota {
            Quota::Running => self.running,
            Quota::Waiting => self.waiting,
            Quota::Memory => self.memory,
            Quota::KeepBytes => self.keep_bytes,
            Quota::Connections => self.connections,
            Quota::Streams => self.streams,
            Quota::RequestBytes => self.request_bytes,
            Quota::ResponseBytes => self.response_bytes,
            Quota::Compilations => self.compilations,
        }
    }

    /// Returns the setting of a quota of a rate.
    pub fn rate(&self, quota: RateQuota) -> Option<u64> {
        match quota {
            RateQuota::AddsPerSecond => self.adds_per_second,
            RateQuota::LogBytesPerSecond => self.log_bytes_per_second,
            RateQuota::CpuSecondsPerHour => self.cpu_seconds_per_hour,
        }
    }
}

/// A quota does not suffice for what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", Explained(self))]
pub struct QuotaExceeded {
    /// The name of the quota.
    pub quota: &'static str,
    /// Its value.
    pub limit: u64,
    /// How much was asked for.
    pub asked: u64,
    /// For a rate: how long it takes until the same is possible, if it ever is.
    pub retry_after: Option<Duration>,
}

impl QuotaExceeded {
    /// Returns the error of a quota with this limit.
    pub fn of(quota: Quota, limit: u64, asked: u64) -> Self {
        Self { quota: quota.name(), limit, asked, retry_after: None }
    }

    /// Returns whether the same may be possible later, without a higher quota.
    pub fn may_pass(&self) -> bool {
        self.asked <= self.limit
    }
}

/// Displays an error.
struct Explained<'a>(&'a QuotaExceeded);

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(QuotaExceeded { quota, limit, asked, retry_after }) = self;
        if !self.0.may_pass() {
            return write!(f, "the tenant's quota `{quota}` of {limit} does not allow {asked} at once");
        }
        write!(f, "the tenant's quota `{quota}` of {limit} is used up")?;
        retry_after.map_or(Ok(()), |time| write!(f, "; try again in {} ms", time.as_millis()))
    }
}
