//! Slots of several tenants that want more sandboxes than there are: those that run are shared by weight.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use saggar_job::{CodeFile, SystemClock};
use saggar_queue::{MemoryStore, NewJob, Queue};
use saggar_sandbox::{Engine, EngineOptions, Plugin};
use saggar_tenant::Tenant;
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::timeout::within;
use saggar_worker::{Setup, Worker};
use serde_json::json;

/// Sandboxes of the host, and slots of each tenant.
const SANDBOXES: u32 = 4;
const SLOTS: u32 = 16;

/// Jobs that end before the measurement, and during it. Each sleeps for 10 ms, so they need turns and nothing else.
const WARM_UP: usize = 100;
const MEASURED: usize = 1_000;

/// A tenant with more jobs than end during the test.
struct Side {
    tenant: Arc<Tenant>,
    worker: Worker,
}

impl Side {
    async fn new(name: &str, weight: u32, queue: &Queue, plugin: &Plugin, app: &App) -> Self {
        let tenant = Tenant::new(name);
        tenant.set_weight(weight);
        let loaded = saggar_definition::load(app.path(), &|_| None.into());
        let plugin = |_: &CodeFile| Some(plugin.clone());
        let setups = loaded.catalog.iter().filter_map(|task| Setup::new(task.clone(), Arc::default(), plugin).ok());
        let setups: Vec<_> = setups.collect();
        assert_eq!(setups.len(), 1);
        let worker = Worker::new(Arc::clone(&tenant), queue.clone(), Arc::new(SystemClock), None);
        worker.open(setups, BTreeMap::new()).await.expect("the memory store does not fail");
        let side = Self { tenant, worker };
        for _ in 0..(WARM_UP + MEASURED) / 100 {
            let jobs = vec![NewJob::new("[10]"); 100];
            side.worker.add("slow", jobs).await.expect("there is room");
        }
        side
    }

    /// Returns how many jobs have ended.
    fn ended(&self) -> usize {
        let counts = self.worker.queue("slow").expect("the task").counts();
        assert_eq!(counts.failure, 0, "a job of {} has failed", self.tenant.name());
        counts.success
    }
}

/// Waits until so many jobs have ended; returns how many of each tenant.
async fn until_ended(sides: &[Side; 2], count: usize) -> [usize; 2] {
    within("the ends of jobs", async {
        loop {
            let ended = [sides[0].ended(), sides[1].ended()];
            if ended[0] + ended[1] >= count {
                return ended;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_share_a_full_pool_of_sandboxes_by_their_weights() {
    let _alone = crate::alone().await;
    let engine = Engine::new(EngineOptions { sandboxes: SANDBOXES, ..EngineOptions::default() }).expect("an engine");
    // Without reuse, a sandbox has room for as long as its job runs.
    let task = json!({
        "process": "plugins.slow", "worker_nums": SLOTS, "timeout": 60, "size": 10_000, "sandbox": { "reuse": 1 },
    });
    let app = App::new().plugin("slow", guests::SLOW).task("slow", &task);
    let plugin = engine.load(app.path().join("plugins/slow.wasm")).await.expect("a plugin");
    let queue = Queue::new(Arc::new(MemoryStore::new()), Arc::new(SystemClock));
    let light = Side::new("light", 100, &queue, &plugin, &app).await;
    let heavy = Side::new("heavy", 300, &queue, &plugin, &app).await;
    let sides = [light, heavy];
    // The light one was alone for a moment.
    let begun = sides[0].ended() + sides[1].ended();
    let before = until_ended(&sides, begun + WARM_UP).await;
    let after = until_ended(&sides, before[0] + before[1] + MEASURED).await;
    let [light, heavy] = [0, 1].map(|at| (after[at] - before[at]) as f64);
    let part = heavy / (light + heavy);
    assert!((part / 0.75 - 1.0).abs() < 0.05, "{light} and {heavy} jobs; by weight it is 0.25 and 0.75");
    let light_part = 1.0 - part;
    assert!((light_part / 0.25 - 1.0).abs() < 0.05, "{light} and {heavy} jobs");
    for side in &sides {
        side.worker.shutdown(Duration::ZERO).await;
    }
}
