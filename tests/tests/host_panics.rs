//! The host panics while a guest calls it, in each role: the call fails, its instance is dropped, and the slot, the
//! lane and `next` keep running. The worker's clock panics on demand; the host reads it for every line that a guest
//! writes to a job's log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use saggar::{FailureKind, Problem, Status};
use saggar_job::{Clock, JobId, SystemClock, TaskKey, Timestamp};
use saggar_queue::{Job, MemoryStore, NewJob, Queue};
use saggar_sandbox::{Engine, EngineOptions};
use saggar_tenant::Tenant;
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::timeout::within;
use saggar_worker::{Setup, Worker};
use serde_json::json;

/// A clock that panics at one of its readings.
#[derive(Default)]
struct PanickingClock {
    /// Readings until the panic; 0 for never.
    left: AtomicUsize,
}

impl Clock for PanickingClock {
    fn now(&self) -> Timestamp {
        let counted = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, counted) == Ok(1) {
            panic!("the clock panics on demand");
        }
        SystemClock.now()
    }

    fn elapsed(&self) -> Duration {
        SystemClock.elapsed()
    }
}

struct Stage {
    queue: Queue,
    worker: Worker,
    clock: Arc<PanickingClock>,
}

impl Stage {
    /// Opens a task with one slot and one worker in each lane, so that the loss of one is noticed.
    async fn new() -> Self {
        let all = "plugins.recorder";
        let event = json!({ "next": all, "add": all, "progress": all, "success": all, "error": all });
        let task = json!({ "process": all, "worker_nums": 1, "event": event });
        let app = App::new().plugin("recorder", guests::RECORDER).task("it", &task);
        let engine = Engine::new(EngineOptions { sandboxes: 20, ..EngineOptions::default() }).expect("an engine");
        let plugin = engine.load(app.path().join("plugins/recorder.wasm")).await.expect("a plugin");
        let loaded = saggar_definition::load(app.path(), &|_| None.into());
        let setups =
            loaded.catalog.iter().map(|task| Setup::new(task.clone(), Arc::default(), |_| Some(plugin.clone())));
        let clock = Arc::new(PanickingClock::default());
        let queue = Queue::new(Arc::new(MemoryStore::new()), Arc::new(SystemClock));
        let worker = Worker::new(Tenant::new(TaskKey::DEFAULT_TENANT), queue.clone(), clock.clone(), None);
        let setups = setups.map(|setup| setup.unwrap_or_else(|role| panic!("{role:?} has no plugin"))).collect();
        worker.open(setups, BTreeMap::new()).await.expect("the memory store does not fail");
        Self { queue, worker, clock }
    }

    /// Makes the clock panic at its reading number `reading` from now on.
    fn arm(&self, reading: usize) {
        self.clock.left.store(reading, Ordering::SeqCst);
    }

    async fn add(&self, args: &str) -> Result<JobId, String> {
        let added = within("adding", self.worker.add("it", vec![NewJob::new(args)])).await;
        added.map(|added| added[0].id).map_err(|error| error.to_string())
    }

    /// Waits until the job has ended and its handlers were called; returns it and the texts of its log.
    async fn end(&self, id: JobId) -> (Job, Vec<String>) {
        let task = self.worker.queue("it").expect("the task");
        let job = within("the end", task.wait(id)).await.expect("a job");
        within("an idle queue", self.queue.idle()).await;
        let history = task.history(id).await.expect("memory does not fail").expect("a job");
        (job, history.log.into_iter().map(|line| line.text).collect())
    }

    /// Asserts that everything works as before the panic.
    async fn assert_works(&self) {
        let id = self.add("[]").await.expect("`next` works");
        let (job, log) = self.end(id).await;
        assert_eq!(job.status(), Status::Success, "{job:?}");
        for role in ["next", "add", "process", "progress", "success"] {
            assert_eq!(log.iter().filter(|line| line.starts_with(role)).count(), 1, "{role}: {log:?}");
        }
    }
}

fn panicked(line: &str) -> bool {
    line.contains("host-panic: the host panicked during the call; its log says where")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_next_rejects_the_job() {
    let stage = Stage::new().await;
    stage.arm(1);
    let refused = stage.add("[]").await.expect_err("`next` panics");
    assert!(panicked(&refused), "{refused}");
    stage.assert_works().await;
    stage.worker.shutdown(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_the_processor_ends_its_attempt() {
    let stage = Stage::new().await;
    stage.arm(3);
    let id = stage.add("[]").await.expect("a job");
    let (job, log) = stage.end(id).await;
    let code = job.problem().map(|problem: &Problem| problem.code.as_str());
    assert_eq!((job.reason(), code), (Some(FailureKind::Trap), Some("host-panic")));
    assert!(log.iter().any(|line| line.starts_with("error 1")), "the error handler is called: {log:?}");
    stage.assert_works().await;
    stage.worker.shutdown(Duration::ZERO).await;
}

/// A handler's panic is an ordinary failure: the add, success and error handlers are called again, the progress handler
/// is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_handler_keeps_its_lane_working() {
    let stage = Stage::new().await;
    for (reading, args, handler, again) in [
        (2, "[]", "add", true),
        (4, "[]", "progress", false),
        (5, "[]", "success", true),
        // Reading 5 is the time of the failed attempt's line in the log, and 6 that of its record.
        (7, r#"["fail"]"#, "error", true),
    ] {
        stage.arm(reading);
        let id = stage.add(args).await.expect("a job");
        let (job, log) = stage.end(id).await;
        let expected = if handler == "error" { Status::Failure } else { Status::Success };
        assert_eq!(job.status(), expected, "{handler}: {log:?}");
        let failed = |line: &&String| line.contains(&format!("the event.{handler} handler failed")) && panicked(line);
        assert_eq!(log.iter().filter(failed).count(), 1, "{handler}: {log:?}");
        let calls = log.iter().filter(|line| line.starts_with(handler)).count();
        assert_eq!(calls, usize::from(again), "{handler}: {log:?}");
        stage.assert_works().await;
    }
    stage.worker.shutdown(Duration::ZERO).await;
}
