//! Metrics of a tenant's quotas, for the recorder of the `metrics` facade. The names of tenants are chosen by the operator,
//! and those of quotas are few, so the labels are bounded.

use std::sync::OnceLock;

use metrics::{Gauge, describe_gauge, gauge};
use saggar_tenant::Tenant;

const USED: &str = "saggar_tenant_quota_used";
const LIMIT: &str = "saggar_tenant_quota_limit";

pub(crate) fn describe() {
    describe_gauge!(USED, "What a tenant uses of a quota: now, or in the last period of a rate");
    describe_gauge!(LIMIT, "The quota of a tenant; +Inf if there is none");
}

/// The gauges of one tenant, made when they are first measured. Without a recorder they do nothing.
#[derive(Default)]
pub(crate) struct QuotaMeters(OnceLock<Vec<[Gauge; 2]>>);

impl QuotaMeters {
    /// Updates the gauges.
    pub(crate) fn measure(&self, tenant: &Tenant) {
        let usage = tenant.usage();
        let gauges = |quota: &'static str| {
            [USED, LIMIT].map(|what| gauge!(what, "tenant" => tenant.name().clone(), "quota" => quota))
        };
        let all = self.0.get_or_init(|| usage.iter().map(|usage| gauges(usage.quota)).collect());
        for (usage, [used, limit]) in usage.iter().zip(all) {
            used.set(usage.used as f64);
            limit.set(usage.limit.map_or(f64::INFINITY, |limit| limit as f64));
        }
    }
}
