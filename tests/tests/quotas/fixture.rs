//! Two tenants with the same app on one engine and one queue. The tenant `acme` is given quotas, `other` has none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use saggar_grant::{Granted, JobAccess, TasksGranted};
use saggar_job::{CodeFile, JobId, SystemClock};
use saggar_queue::{Events, Job, JobEventKind, MemoryStore, NewJob, Queue};
use saggar_sandbox::{Engine, EngineOptions, Plugin};
use saggar_tenant::{Quota, Quotas, Tenant};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::timeout::within;
use saggar_worker::{AddError, Setup, Worker};
use serde_json::{Value, json};

/// The tasks of both tenants, each with its plugin and slots.
const TASKS: [(&str, &str, u32); 9] = [
    ("chain", "chain", 1),
    ("door", "echo", 1),
    ("echo", "echo", 1),
    ("floods", "floods", 1),
    ("gated", "gated", 4),
    ("handles", "handles", 1),
    ("memory", "memory", 2),
    ("second", "gated", 4),
    ("time", "time", 1),
];

const GUESTS: [(&str, &str); 7] = [
    ("chain", guests::CHAIN),
    ("echo", guests::ECHO),
    ("floods", guests::HOSTILE_FLOODS),
    ("gated", guests::GATED),
    ("handles", guests::HOSTILE_HANDLES),
    ("memory", guests::HOSTILE_MEMORY),
    ("time", guests::HOSTILE_TIME),
];

pub(super) struct Fixture {
    pub(super) engine: Engine,
    pub(super) app: App,
    pub(super) acme: Side,
    pub(super) other: Side,
}

/// A tenant and what works for it.
pub(super) struct Side {
    pub(super) tenant: Arc<Tenant>,
    pub(super) worker: Worker,
    queue: Queue,
}

impl Fixture {
    pub(super) async fn new(quotas: Quotas) -> Self {
        let engine = Engine::new(EngineOptions { sandboxes: 60, ..EngineOptions::default() }).expect("an engine");
        let app = GUESTS.into_iter().fold(App::new(), |app, (name, guest)| app.plugin(name, guest));
        let app = TASKS.into_iter().fold(app, |app, (task, plugin, slots)| {
            let timeout = if task == "time" { 1.3 } else { 60.0 };
            let process = format!("plugins.{plugin}");
            // A new instance has as much memory left as the first one had.
            let reuse = if matches!(task, "handles" | "memory") { 1 } else { 100 };
            // A gate looks up a job that it has not added.
            let sandbox = json!({ "reuse": reuse, "tasks": "all" });
            app.task(task, &json!({ "process": process, "worker_nums": slots, "timeout": timeout, "sandbox": sandbox }))
        });
        let queue = Queue::new(Arc::new(MemoryStore::new()), Arc::new(SystemClock));
        let acme = Side::new("acme", &engine, &queue, &app).await;
        let other = Side::new("other", &engine, &queue, &app).await;
        acme.tenant.set_quotas(&quotas);
        Self { engine, app, acme, other }
    }

    pub(super) async fn stop(self) {
        for side in [&self.acme, &self.other] {
            side.worker.shutdown(Duration::ZERO).await;
            for quota in [Quota::Running, Quota::Memory] {
                assert_eq!(side.tenant.level(quota).used(), 0, "{quota:?} of {}", side.tenant.name());
            }
        }
    }
}

impl Side {
    async fn new(name: &str, engine: &Engine, queue: &Queue, app: &App) -> Self {
        let tenant = Tenant::new(name);
        let engine = engine.for_tenant(Arc::clone(&tenant));
        let mut plugins = BTreeMap::<String, Plugin>::new();
        for (name, _) in GUESTS {
            let path = app.path().join(format!("plugins/{name}.wasm"));
            plugins.insert(format!("plugins/{name}.wasm"), engine.load(path).await.expect("a plugin"));
        }
        let loaded = saggar_definition::load(app.path(), &|_| None.into());
        let plugin = |file: &CodeFile| plugins.get(&file.file()).cloned();
        let tasks = TasksGranted { jobs: JobAccess::All, ..TasksGranted::default() };
        let granted = Arc::new(Granted { tasks, ..Granted::default() });
        let setups = loaded.catalog.iter().map(|task| Setup::new(task.clone(), granted.clone(), plugin));
        let setups: Vec<_> =
            setups.map(|setup| setup.unwrap_or_else(|role| panic!("{role:?} has no plugin"))).collect();
        assert_eq!(setups.len(), TASKS.len());
        let worker = Worker::new(Arc::clone(&tenant), queue.clone(), Arc::new(SystemClock), None);
        worker.open(setups, BTreeMap::new()).await.expect("the memory store does not fail");
        Self { tenant, worker, queue: queue.clone() }
    }

    pub(super) fn events(&self) -> Events {
        self.queue.subscribe(self.tenant.name().clone())
    }

    pub(super) async fn try_add(&self, task: &str, jobs: Vec<NewJob>) -> Result<Vec<JobId>, AddError> {
        let added = within("adding", self.worker.add(task, jobs)).await?;
        Ok(added.into_iter().map(|added| added.id).collect())
    }

    pub(super) async fn add(&self, task: &str, args: Value) -> JobId {
        self.try_add(task, vec![NewJob::new(args.to_string())]).await.expect("it is within the quotas")[0]
    }

    /// Waits for the end of a job; returns it with the texts of its log.
    pub(super) async fn ended(&self, task: &str, id: JobId) -> (Job, Vec<String>) {
        let queue = self.worker.queue(task).expect("the task");
        let job = within("the end of a job", queue.wait(id)).await.expect("a job");
        let history = queue.history(id).await.expect("memory does not fail").expect("a job");
        (job, history.log.into_iter().map(|line| line.text).collect())
    }

    /// Runs a job to its end.
    pub(super) async fn run(&self, task: &str, args: Value) -> (Job, Vec<String>) {
        let id = self.add(task, args).await;
        self.ended(task, id).await
    }

    /// Returns how many jobs of all tasks run.
    pub(super) fn running(&self) -> usize {
        TASKS.iter().map(|(task, ..)| self.worker.queue(task).expect("the task").counts().running).sum()
    }

    /// Opens the gate of all jobs that wait with [`at_the_gate`].
    pub(super) async fn open_the_gate(&self) {
        self.add("door", json!([])).await;
    }
}

/// The arguments of a job of `gated` or `second` that runs until the gate is opened.
pub(super) fn at_the_gate() -> Value {
    json!(["door", 1])
}

/// Waits until `count` attempts have begun.
pub(super) async fn started(events: &mut Events, count: usize) {
    let mut left = count;
    while left > 0 {
        let event = within("the start of an attempt", events.next()).await.expect("no event is missed");
        left -= usize::from(matches!(event.kind, JobEventKind::Started { .. }));
    }
}

/// Returns the code of a job's problem, and its details.
pub(super) fn problem(job: &Job) -> (&str, Value) {
    let problem = job.problem().unwrap_or_else(|| panic!("the job has no problem: {job:?}"));
    let details = problem.details.as_deref().map_or(Value::Null, |text| serde_json::from_str(text).expect("JSON"));
    (&problem.code, details)
}

/// Asserts that an addition was refused because of this quota.
#[track_caller]
pub(super) fn assert_refused<T: std::fmt::Debug>(result: Result<T, AddError>, quota: &str, may_pass: bool) {
    let error = result.expect_err("it exceeds a quota");
    let exceeded = error.quota().unwrap_or_else(|| panic!("it is not a quota: {error}"));
    assert_eq!((error.code(), exceeded.quota, exceeded.may_pass()), ("quota-exceeded", quota, may_pass), "{error}");
    assert!(error.to_string().contains(&format!("quota `{quota}` of {}", exceeded.limit)), "{error}");
}
