//! How much loading goes on at the same time, shared by weight between tenants. A tenant is charged the time that its
//! loads take, so slow compilations of one tenant do not hold up the others.

use std::time::{Duration, Instant};

use saggar_tenant::{FairPermit, FairSemaphore, Flow};
use tokio::task::JoinError;

/// What a load is charged until it has ended.
const ESTIMATE: Duration = Duration::from_secs(1);

/// Limits how many loads run at the same time.
pub(crate) struct LoadLimit(FairSemaphore);

/// The right to load, until it is dropped.
pub(crate) struct LoadPermit {
    permit: FairPermit,
    began: Instant,
}

impl LoadLimit {
    pub(crate) fn new(most: usize) -> Self {
        Self(FairSemaphore::by_time(most, ESTIMATE))
    }

    /// Waits until the flow may load. Cancel safe.
    pub(crate) async fn acquire(&self, flow: &Flow) -> LoadPermit {
        let permit = self.0.acquire(flow, 1).await;
        LoadPermit { permit, began: Instant::now() }
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
        let flows = ["many", "one"].map(|name| Flow::new(Tenant::new(name), ""));
        let mut held = limit.acquire(&flows[0]).await;
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
}
