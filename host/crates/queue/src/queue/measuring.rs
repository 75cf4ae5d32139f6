//! Metrics of the known tasks: one by one for a host of one app, by tenant otherwise.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use saggar_job::Timestamp;

use super::known_tasks::KnownTasks;
use crate::meters::{self, Measured, Sums};

/// The series of tenants that were ever measured.
#[derive(Default)]
pub(super) struct MeasuredTenants(Mutex<HashMap<Arc<str>, Measured>>);

impl MeasuredTenants {
    /// Updates the metrics of all tasks.
    pub(super) fn measure(&self, tasks: &KnownTasks, now: Timestamp) {
        let mut sums: HashMap<&Arc<str>, Sums> = HashMap::new();
        for task in tasks.all() {
            match meters::is_configured(&task.key().tenant) {
                true => sums.entry(&task.key().tenant).or_default().add(&task.sums()),
                false => task.measure(now),
            }
        }
        let mut measured = self.0.lock();
        // So that the gauges of a tenant that was removed fall to 0.
        for (tenant, measured) in measured.iter().filter(|(tenant, _)| !sums.contains_key(tenant)) {
            meters::measure(|| ("tenant", tenant.clone()), measured, &Sums::default(), now);
        }
        for (tenant, sums) in sums {
            let measured = measured.entry(tenant.clone()).or_default();
            meters::measure(|| ("tenant", tenant.clone()), measured, &sums, now);
        }
    }
}
