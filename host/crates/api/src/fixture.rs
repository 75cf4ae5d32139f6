//! A test fixture: a real in-memory queue with one task that no worker runs.

use std::sync::Arc;

use saggar_job::{JobId, JobKey, Outcome, SystemClock, TaskKey};
use saggar_queue::{Claim, EventFilter, EventId, Followed, MemoryStore, NewJob, Queue, Rules, TaskQueue};
use saggar_tenant::{Flow, Quota, Tenant};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::shares::Shares;
use crate::stream_permit::StreamPermit;

/// A queue with the one task `fixture`.
pub(crate) struct Fixture {
    pub(crate) queue: Queue,
    pub(crate) task: Arc<TaskQueue>,
}

impl Fixture {
    pub(crate) const TASK: &str = "fixture";

    /// Creates a queue that retains its last `retained` events.
    pub(crate) async fn new(retained: usize) -> Arc<Self> {
        let queue = Queue::new(Arc::new(MemoryStore::new()), Arc::new(SystemClock));
        queue.keep_events(retained);
        let task = queue.open(TaskKey::new("default", Self::TASK), Rules::default()).await.unwrap();
        Arc::new(Self { queue, task })
    }

    pub(crate) async fn add(&self) -> JobId {
        self.task.add(NewJob::new("[]")).await.unwrap()
    }

    pub(crate) async fn claim(&self) -> Claim {
        self.task.claim().await.unwrap()
    }

    pub(crate) async fn succeed(&self, claim: Claim) {
        self.task.finish(claim, Outcome::Success("7".into())).await.unwrap();
    }

    /// Follows the events of the job `of`, or of all jobs.
    pub(crate) fn follow(&self, of: Option<JobId>, after: Option<EventId>) -> Followed {
        let filter = match of {
            None => EventFilter::Tenant("default".into()),
            Some(id) => EventFilter::Job(JobKey { task: self.task.key().clone(), id }),
        };
        self.queue.follow(filter, after)
    }
}

/// Returns a permit to follow events until `stop` is cancelled, of a new tenant and a new service.
pub(crate) fn stream_permit(stop: &CancellationToken) -> StreamPermit {
    let (permits, shares) = (Arc::new(Semaphore::new(1)), Arc::new(Shares::new(1, false, 0)));
    let tenant = Tenant::new("default");
    let of_tenant = tenant.hold(Quota::Streams, 1).unwrap();
    let permits = (permits.try_acquire_owned().unwrap(), Some(of_tenant), shares.of(Flow::new(tenant, "")));
    StreamPermit::new(permits, stop.clone(), Arc::default(), None)
}
