//! Metrics of a tenant's quotas and compilations. The operator chooses the names of tenants, and there are few quotas, so
//! the labels are bounded.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Counter, Gauge, Unit, counter, describe_counter, describe_gauge, gauge};
use saggar_tenant::Tenant;

const USED: &str = "saggar_tenant_quota_used";
const LIMIT: &str = "saggar_tenant_quota_limit";
const COMPILED: &str = "saggar_tenant_compile_cpu_seconds_total";

pub(crate) fn describe() {
    describe_gauge!(USED, "What a tenant uses of a quota: now, or in the last period of a rate");
    describe_gauge!(LIMIT, "The quota of a tenant; +Inf if there is none");
    describe_counter!(COMPILED, Unit::Seconds, "Processor time for which code of a tenant was compiled");
}

/// The meters of one tenant, made when they are first measured. Without a recorder they do nothing.
#[derive(Default)]
pub(crate) struct QuotaMeters {
    quotas: OnceLock<Vec<[Gauge; 2]>>,
    compiled: OnceLock<Counter>,
    /// The seconds of this tenant that are in the counter, which has those of removed tenants of the same name, too.
    compiled_seconds: AtomicU64,
}

impl QuotaMeters {
    /// Updates the meters.
    pub(crate) fn measure(&self, tenant: &Tenant) {
        let usage = tenant.usage();
        let gauges = |quota: &'static str| {
            [USED, LIMIT].map(|what| gauge!(what, "tenant" => tenant.name().clone(), "quota" => quota))
        };
        let all = self.quotas.get_or_init(|| usage.iter().map(|usage| gauges(usage.quota)).collect());
        for (usage, [used, limit]) in usage.iter().zip(all) {
            used.set(usage.used as f64);
            limit.set(usage.limit.map_or(f64::INFINITY, |limit| limit as f64));
        }
        let compiled = self.compiled.get_or_init(|| counter!(COMPILED, "tenant" => tenant.name().clone()));
        let seconds = tenant.compile_time().as_secs();
        let counted = self.compiled_seconds.fetch_max(seconds, Ordering::Relaxed);
        compiled.increment(seconds.saturating_sub(counted));
    }
}
