//! A tenant of a host: its name, its weight, its quotas, and how much of them it uses; and how tenants share what they
//! compete for, by weight. Counters and an order of waiters only: no I/O and no threads. What runs out is refused where it
//! is asked for, by the crate that owns it.

mod fair_queue;
mod fair_semaphore;
mod flow;
mod idle;
mod level;
mod quota;
mod rate;
mod tenant;

pub use fair_queue::{Charge, FairQueue, Ticket};
pub use fair_semaphore::{FairPermit, FairSemaphore};
pub use flow::Flow;
pub use idle::Idle;
pub use level::{Level, Taken};
pub use quota::{Quota, QuotaExceeded, Quotas, RateQuota};
pub use tenant::{QuotaUsage, Tenant};
