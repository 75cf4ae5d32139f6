//! The tenant itself.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::idle::IdleSet;
use crate::rate::{Rate, elapsed, elapsed_at};
use crate::{Idle, Level, Quota, QuotaExceeded, Quotas, RateQuota, Taken};

/// The owner of an app in a host. Shared by everything that works for it; its weight and quotas can change at any time.
#[derive(Debug)]
pub struct Tenant {
    name: Arc<str>,
    weight: AtomicU32,
    levels: [Arc<Level>; Quota::ALL.len()],
    /// Levels that a store keeps, which are used instead.
    stored: [OnceLock<Arc<Level>>; Quota::ALL.len()],
    rates: [Rate; RateQuota::ALL.len()],
    /// Microseconds of processor time for which its code was compiled.
    compiled: AtomicU64,
    /// The tenant whose code this one compiles; see [`Tenant::compiler_of`].
    compiles_for: Option<Arc<Tenant>>,
    idle: [IdleSet; Quota::ALL.len()],
    changed: Notify,
    freed: Notify,
}

/// A part of a quota that callers wait for, given back when it is dropped.
#[derive(Debug)]
pub struct Awaited {
    tenant: Arc<Tenant>,
    // Given back before the waiters are woken.
    taken: Option<Taken>,
}

impl Drop for Awaited {
    fn drop(&mut self) {
        drop(self.taken.take());
        self.tenant.freed.notify_waiters();
    }
}

/// How much of a quota is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaUsage {
    /// The name of the quota.
    pub quota: &'static str,
    /// How much is used: now, or in the last period if it is a rate.
    pub used: u64,
    /// The quota; `None` if there is none.
    pub limit: Option<u64>,
}

impl Tenant {
    /// The weight of a tenant whose configuration has none.
    pub const DEFAULT_WEIGHT: u32 = 100;

    /// Creates a tenant without quotas.
    pub fn new(name: impl Into<Arc<str>>) -> Arc<Self> {
        Arc::new(Self::unshared(name.into(), Self::DEFAULT_WEIGHT, None))
    }

    /// Creates what compiles code of `tenant` in a sandbox: it has the tenant's name and weight, and no quotas, so its
    /// memory does not count for the tenant. Its processor time does.
    pub fn compiler_of(tenant: &Arc<Self>) -> Arc<Self> {
        Arc::new(Self::unshared(Arc::clone(&tenant.name), tenant.weight(), Some(Arc::clone(tenant))))
    }

    fn unshared(name: Arc<str>, weight: u32, compiles_for: Option<Arc<Self>>) -> Self {
        Self {
            name,
            weight: AtomicU32::new(weight),
            levels: std::array::from_fn(|_| Arc::default()),
            stored: std::array::from_fn(|_| OnceLock::new()),
            rates: RateQuota::ALL.map(|quota| Rate::new(quota.period())),
            compiled: AtomicU64::new(0),
            compiles_for,
            idle: std::array::from_fn(|_| IdleSet::default()),
            changed: Notify::new(),
            freed: Notify::new(),
        }
    }

    /// Returns its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns its weight, at least 1: its share of what tenants compete for, relative to the others' weights.
    pub fn weight(&self) -> u32 {
        self.weight.load(Ordering::Relaxed)
    }

    /// Sets its weight; 0 counts as 1.
    pub fn set_weight(&self, weight: u32) {
        self.weight.store(weight.max(1), Ordering::Relaxed);
    }

    /// Replaces all quotas. What is used already stays used, so more than a lowered quota can be in use for a while.
    pub fn set_quotas(&self, quotas: &Quotas) {
        for quota in Quota::ALL {
            self.level(quota).set_limit(quotas.count(quota));
        }
        for quota in RateQuota::ALL {
            self.rate(quota).set_limit(quotas.rate(quota).map(|limit| limit.saturating_mul(quota.scale())));
        }
        self.changed.notify_waiters();
    }

    /// Resolves when quotas have been replaced since the returned future was first polled or enabled.
    pub fn quotas_changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// Returns how much of a quota is used.
    pub fn level(&self, quota: Quota) -> &Arc<Level> {
        // The variants are the indices.
        let index = quota as usize;
        self.stored[index].get().unwrap_or(&self.levels[index])
    }

    /// Uses `level` for a quota from now on, with the limit of the present one: a store keeps it, because it decides in
    /// its own steps. Only the first call for a quota has an effect.
    pub fn keep_in(&self, quota: Quota, level: Arc<Level>) {
        let index = quota as usize;
        level.set_limit(self.level(quota).limit());
        // Another call may have been first; its level is in use then.
        drop(self.stored[index].set(level));
    }

    /// Takes `amount` of a quota until the returned value is dropped.
    pub fn hold(&self, quota: Quota, amount: u64) -> Result<Taken, QuotaExceeded> {
        self.level(quota).hold(amount).map_err(|limit| QuotaExceeded::of(quota, limit, amount))
    }

    /// Takes `amount` of a quota, if necessary after what is idle was given up. Pair it with [`Level::give_back`].
    pub fn take_from_idle(&self, quota: Quota, amount: u64) -> Result<(), QuotaExceeded> {
        let level = self.level(quota);
        let Err(limit) = level.take(amount) else { return Ok(()) };
        let suffices = amount <= limit && self.idle[quota as usize].give_up(|| level.take(amount).is_ok());
        if suffices { Ok(()) } else { Err(QuotaExceeded::of(quota, limit, amount)) }
    }

    /// Takes `amount` of a quota until the returned value is dropped, if necessary after what is idle was given up.
    pub fn hold_from_idle(&self, quota: Quota, amount: u64) -> Result<Taken, QuotaExceeded> {
        self.take_from_idle(quota, amount)?;
        Ok(Taken::new(Arc::clone(self.level(quota)), amount))
    }

    /// Registers something that may use a quota while it is idle. It is forgotten when it is dropped.
    pub fn may_be_idle(&self, quota: Quota, idle: Weak<dyn Idle>) {
        self.idle[quota as usize].insert(idle);
    }

    /// Takes 1 of a quota until the returned value is dropped; waits until that is possible. Fails only if the quota is
    /// 0. Every user of the quota has to take it like this, because other ways wake no waiter. Cancel safe.
    pub async fn hold_when_free(self: &Arc<Self>, quota: Quota) -> Result<Awaited, QuotaExceeded> {
        loop {
            let (changed, freed) = (self.changed.notified(), self.freed.notified());
            match self.hold(quota, 1) {
                Ok(taken) => return Ok(Awaited { tenant: Arc::clone(self), taken: Some(taken) }),
                Err(exceeded) if exceeded.limit == 0 => return Err(exceeded),
                Err(_) => {}
            }
            tokio::select! {
                () = changed => {}
                () = freed => {}
            }
        }
    }

    /// Takes `amount` of a rate.
    pub fn take(&self, quota: RateQuota, amount: u64) -> Result<(), QuotaExceeded> {
        self.rate(quota).take(amount.saturating_mul(quota.scale()), elapsed()).map_err(|exceeded| QuotaExceeded {
            quota: quota.name(),
            limit: exceeded.limit / quota.scale(),
            asked: amount,
            retry_after: exceeded.retry_after,
        })
    }

    /// Counts time that a guest has computed until `now`. A parameter, because reading the clock is a good part of what a
    /// call costs.
    pub fn count_cpu(&self, time: Duration, now: Instant) {
        match &self.compiles_for {
            Some(tenant) => tenant.count_compilation(time),
            None => self.rate(RateQuota::CpuSecondsPerHour).count(micros(time), elapsed_at(now)),
        }
    }

    /// Counts processor time for which code of the tenant was compiled. It is part of the time that guests compute,
    /// because the tenant decides about both.
    pub fn count_compilation(&self, time: Duration) {
        self.compiled.fetch_add(micros(time), Ordering::Relaxed);
        self.rate(RateQuota::CpuSecondsPerHour).count(micros(time), elapsed());
    }

    /// Returns for how much processor time its code was compiled so far.
    pub fn compile_time(&self) -> Duration {
        Duration::from_micros(self.compiled.load(Ordering::Relaxed))
    }

    /// Fails if guests have computed as long as they may; the error says when they may again.
    pub fn check_cpu(&self) -> Result<(), QuotaExceeded> {
        let (quota, rate) = (RateQuota::CpuSecondsPerHour, self.rate(RateQuota::CpuSecondsPerHour));
        let Some(limit) = rate.limit() else { return Ok(()) };
        let Some(retry_after) = rate.exhausted_for(elapsed()) else { return Ok(()) };
        let limit = limit / quota.scale();
        Err(QuotaExceeded { quota: quota.name(), limit, asked: 1, retry_after: Some(retry_after) })
    }

    /// Returns how much of each quota is used, in the order of [`Quota::ALL`] and [`RateQuota::ALL`].
    pub fn usage(&self) -> Vec<QuotaUsage> {
        let counts = Quota::ALL.into_iter().map(|quota| {
            let level = self.level(quota);
            QuotaUsage { quota: quota.name(), used: level.used(), limit: level.limit() }
        });
        let now = elapsed();
        let rates = RateQuota::ALL.into_iter().map(|quota| {
            let (rate, scale) = (self.rate(quota), quota.scale());
            let limit = rate.limit().map(|limit| limit / scale);
            QuotaUsage { quota: quota.name(), used: rate.used(now) / scale, limit }
        });
        counts.chain(rates).collect()
    }

    fn rate(&self, quota: RateQuota) -> &Rate {
        // The variants are the indices.
        &self.rates[quota as usize]
    }
}

/// Returns a time in microseconds. Rounded, because many calls take less than one.
fn micros(time: Duration) -> u64 {
    let rounded = time.saturating_add(Duration::from_nanos(500));
    rounded.as_secs().saturating_mul(1_000_000).saturating_add(rounded.subsec_micros().into())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn used(tenant: &Tenant, name: &str) -> (u64, Option<u64>) {
        let usage = tenant.usage().into_iter().find(|usage| usage.quota == name).unwrap();
        (usage.used, usage.limit)
    }

    #[test]
    fn each_quota_has_a_level_of_its_own() {
        let tenant = Tenant::new("acme");
        tenant.set_quotas(&Quotas { running: Some(1), ..Quotas::default() });
        let running = tenant.hold(Quota::Running, 1).unwrap();
        let exceeded = tenant.hold(Quota::Running, 1).unwrap_err();
        assert_eq!(exceeded, QuotaExceeded { quota: "running", limit: 1, asked: 1, retry_after: None });
        assert_eq!(exceeded.to_string(), "the tenant's quota `running` of 1 is used up");
        drop((running, tenant.hold(Quota::Compilations, 9).unwrap()));
        assert!(Quota::ALL.iter().all(|quota| tenant.level(*quota).used() == 0));
    }

    #[test]
    fn every_quota_can_be_set_and_removed() {
        let tenant = Tenant::new("acme");
        let quotas = Quotas {
            running: Some(1),
            waiting: Some(2),
            memory: Some(3),
            keep_bytes: Some(4),
            connections: Some(5),
            streams: Some(6),
            request_bytes: Some(7),
            response_bytes: Some(8),
            compilations: Some(9),
            adds_per_second: Some(10),
            log_bytes_per_second: Some(11),
            cpu_seconds_per_hour: Some(12),
        };
        tenant.set_quotas(&quotas);
        let limits: Vec<_> = tenant.usage().into_iter().filter_map(|usage| usage.limit).collect();
        assert_eq!(limits, (1..=12).collect::<Vec<_>>());
        tenant.set_quotas(&Quotas::default());
        assert!(tenant.usage().iter().all(|usage| usage.limit.is_none() && usage.used == 0));
    }

    #[test]
    fn rates_are_counted_in_their_own_units() {
        let tenant = Tenant::new("acme");
        tenant.set_quotas(&Quotas { adds_per_second: Some(2), cpu_seconds_per_hour: Some(1), ..Quotas::default() });
        let refused = tenant.take(RateQuota::AddsPerSecond, 3).unwrap_err();
        assert_eq!(refused, QuotaExceeded { quota: "adds_per_second", limit: 2, asked: 3, retry_after: None });
        assert_eq!(refused.to_string(), "the tenant's quota `adds_per_second` of 2 does not allow 3 at once");
        tenant.count_cpu(Duration::from_millis(999), Instant::now());
        tenant.check_cpu().unwrap();
        assert_eq!(used(&tenant, "cpu_seconds_per_hour"), (0, Some(1)));
        tenant.count_cpu(Duration::from_millis(1), Instant::now());
        assert_eq!(used(&tenant, "cpu_seconds_per_hour"), (1, Some(1)));
        let exhausted = tenant.check_cpu().unwrap_err();
        assert_eq!((exhausted.quota, exhausted.limit), ("cpu_seconds_per_hour", 1));
        let wait = exhausted.retry_after.unwrap();
        assert!(wait > Duration::from_secs(56 * 60) && wait <= Duration::from_secs(60 * 60), "{wait:?}");
        tenant.set_quotas(&Quotas::default());
        tenant.check_cpu().unwrap();
    }

    #[test]
    fn the_time_of_compilers_counts_and_their_memory_does_not() {
        let tenant = Tenant::new("acme");
        tenant.set_weight(7);
        tenant.set_quotas(&Quotas { cpu_seconds_per_hour: Some(3), memory: Some(1), ..Quotas::default() });
        let compiler = Tenant::compiler_of(&tenant);
        assert_eq!((compiler.name(), compiler.weight()), (tenant.name(), 7));
        drop(compiler.hold(Quota::Memory, 1 << 20).unwrap());
        tenant.count_cpu(Duration::from_secs(1), Instant::now());
        compiler.count_cpu(Duration::from_millis(1_500), Instant::now());
        tenant.check_cpu().unwrap();
        tenant.count_compilation(Duration::from_millis(500));
        assert_eq!(used(&tenant, "cpu_seconds_per_hour"), (3, Some(3)));
        assert_eq!(tenant.compile_time(), Duration::from_secs(2));
        tenant.check_cpu().unwrap_err();
        compiler.check_cpu().unwrap();
    }

    #[test]
    fn callers_wait_for_a_quota_until_it_is_free_or_raised() {
        let tenant = Tenant::new("acme");
        tenant.set_quotas(&Quotas { compilations: Some(1), ..Quotas::default() });
        let hold = || Box::pin(tenant.hold_when_free(Quota::Compilations));
        let held = hold().now_or_never().unwrap().unwrap();
        let mut waiting = [hold(), hold()];
        assert!(waiting.iter_mut().all(|hold| hold.as_mut().now_or_never().is_none()));
        drop(held);
        let held = waiting[0].as_mut().now_or_never().unwrap().unwrap();
        assert!(waiting[1].as_mut().now_or_never().is_none());
        tenant.set_quotas(&Quotas { compilations: Some(2), ..Quotas::default() });
        let other = waiting[1].as_mut().now_or_never().unwrap().unwrap();
        drop((held, other));
        tenant.set_quotas(&Quotas { compilations: Some(0), ..Quotas::default() });
        let exceeded = hold().now_or_never().unwrap().unwrap_err();
        assert_eq!((exceeded.quota, exceeded.limit), ("compilations", 0));
    }

    #[test]
    fn a_level_of_a_store_takes_over_the_limit() {
        let tenant = Tenant::new("acme");
        tenant.set_quotas(&Quotas { waiting: Some(5), ..Quotas::default() });
        let level = Arc::new(Level::default());
        level.count(4);
        tenant.keep_in(Quota::Waiting, Arc::clone(&level));
        tenant.keep_in(Quota::Waiting, Arc::default());
        assert_eq!(used(&tenant, "waiting"), (4, Some(5)));
        tenant.set_quotas(&Quotas { waiting: Some(6), ..Quotas::default() });
        assert_eq!(level.limit(), Some(6));
    }

    #[test]
    fn changed_quotas_wake_who_waits_for_them() {
        let tenant = Tenant::new("acme");
        let mut changed = Box::pin(tenant.quotas_changed());
        assert!(changed.as_mut().now_or_never().is_none());
        tenant.set_quotas(&Quotas::default());
        assert!(changed.as_mut().now_or_never().is_some());
    }
}
