//! How much loading goes on at the same time, shared by weight between tenants. A tenant is charged the time that its
//! loads take, so slow compilations of one tenant do not hold up the others. Nor do those that run already, because a tenant
//! that loads nothing may begin beside them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use saggar_tenant::{FairPermit, FairSemaphore, Flow};
use tokio::task::JoinError;

/// What a load is charged until it has ended.
const ESTIMATE: Duration = Duration::from_secs(1);

/// Limits how many loads run at the same time.
pub(crate) struct LoadLimit {
    permits: FairSemaphore,
    /// For one more load, of a tenant that has none.
    spare: FairSemaphore,
    loads: Arc<LoadCounts>,
}

/// How many loads of each tenant run.
#[derive(Default)]
struct LoadCounts(Mutex<HashMap<Arc<str>, usize>>);

/// The right to load, until it is dropped.
pub(crate) struct LoadPermit {
    permit: FairPermit,
    began: Instant,
    tenant: Arc<str>,
    loads: Arc<LoadCounts>,
}

impl LoadLimit {
    pub(crate) fn new(most: usize) -> Self {
        let (permits, spare) = (FairSemaphore::by_time(most, ESTIMATE), FairSemaphore::by_time(1, ESTIMATE));
        Self { permits, spare, loads: Arc::default() }
    }

    /// Waits until the flow may load. Cancel safe.
    pub(crate) async fn acquire(&self, flow: &Flow) -> LoadPermit {
        let tenant = Arc::clone(flow.tenant().name());
        let permit = match self.permits.try_acquire(1) {
            Some(permit) => permit,
            None if self.loads.has(&tenant) => self.permits.acquire(flow, 1).await,
            None => tokio::select! {
                biased;
                permit = self.permits.acquire(flow, 1) => permit,
                permit = self.spare.acquire(flow, 1) => permit,
            },
        };
        self.loads.add(&tenant);
        LoadPermit { permit, began: Instant::now(), tenant, loads: Arc::clone(&self.loads) }
    }

    /// Runs `work` on a thread that may block, when the flow may load. Work that has begun continues if the future is
    /// dropped, and counts until it has ended.
    pub(crate) async fn run_blocking<T: Send + 'static>(
        &self,
        flow: &Flow,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let permit = self.acquire(flow).await;
        let counted = move || {
            let done = work();
            drop(permit);
            done
        };
        tokio::task::spawn_blocking(counted).await
    }
}

impl Drop for LoadPermit {
    fn drop(&mut self) {
        self.permit.set_time(self.began.elapsed());
        self.loads.remove(&self.tenant);
    }
}

impl LoadCounts {
    fn has(&self, tenant: &str) -> bool {
        self.0.lock().contains_key(tenant)
    }

    fn add(&self, tenant: &Arc<str>) {
        *self.0.lock().entry(Arc::clone(tenant)).or_default() += 1;
    }

    fn remove(&self, tenant: &str) {
        let mut loads = self.0.lock();
        if let Some(count) = loads.get_mut(tenant) {
            *count -= 1;
            if *count == 0 {
                loads.remove(tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use saggar_tenant::Tenant;

    use super::*;

    #[tokio::test]
    async fn blocking_work_counts_until_it_has_ended() {
        let (limit, flow) = (LoadLimit::new(1), Flow::new(Tenant::new("one"), ""));
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let work = limit.run_blocking(&flow, move || ended.recv());
        assert!(work.now_or_never().is_none());
        assert!(limit.acquire(&flow).now_or_never().is_none(), "it still runs, although no future waits for it");
        end.send(()).unwrap();
        drop(limit.acquire(&flow).await);
        assert!(
            limit.run_blocking(&flow, || -> u8 { panic!("on purpose") }).await.is_err_and(|error| error.is_panic())
        );
        drop(limit.acquire(&flow).await);
    }

    #[tokio::test]
    async fn a_tenant_with_many_slow_loads_holds_up_nobody_elses() {
        let limit = LoadLimit::new(1);
        let flows = ["many", "one", "other"].map(|name| Flow::new(Tenant::new(name), ""));
        let mut held = limit.acquire(&flows[0]).await;
        let _spare = limit.acquire(&flows[2]).await;
        let mut waiting: Vec<_> =
            [0, 0, 0, 0, 1, 1].into_iter().map(|at| Some(Box::pin(limit.acquire(&flows[at])))).collect();
        let mut order = Vec::new();
        assert!(waiting.iter_mut().flatten().all(|waiter| waiter.as_mut().now_or_never().is_none()));
        while waiting.iter().any(Option::is_some) {
            // A load of the first tenant takes a minute, one of the second a moment.
            if order.last().is_none_or(|at| *at < 4) {
                held.began = held.began.checked_sub(Duration::from_secs(60)).unwrap_or(held.began);
            }
            drop(held);
            let granted = waiting.iter_mut().enumerate().find_map(|(at, waiter)| {
                let permit = waiter.as_mut()?.as_mut().now_or_never()?;
                *waiter = None;
                Some((at, permit))
            });
            let (at, permit) = granted.expect("a load begins when another one has ended");
            held = permit;
            order.push(at);
        }
        // One load of the first tenant at most is before those of the second.
        assert!(order[..3].contains(&4) && order[..3].contains(&5), "{order:?}");
    }

    #[tokio::test]
    async fn a_tenant_that_loads_nothing_begins_beside_the_loads_of_another() {
        let limit = LoadLimit::new(2);
        let [many, one] = ["many", "one"].map(|name| Flow::new(Tenant::new(name), ""));
        let held = [limit.acquire(&many).await, limit.acquire(&many).await];
        assert!(limit.acquire(&many).now_or_never().is_none());
        let first = limit.acquire(&one).now_or_never().expect("it waits for loads of another tenant");
        assert!(limit.acquire(&one).now_or_never().is_none(), "it may begin once");
        drop(first);
        drop(limit.acquire(&one).now_or_never().expect("it may begin again"));
        drop(held);
        assert!(limit.loads.0.lock().is_empty());
        assert_eq!((limit.permits.free(), limit.spare.free()), (2, 1));
    }
}
