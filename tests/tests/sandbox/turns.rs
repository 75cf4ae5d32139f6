//! Guests that compute share the threads by the weights of their tenants, then equally between tasks: in slices, and in
//! calls that end within one.

use std::sync::Arc;
use std::time::Duration;

use saggar_job::{FailureKind, JobId};
use saggar_sandbox::{
    Allocator, Call, CallError, Engine, EngineOptions, Input, JobContext, Limits, Plugin, RefusingServices, Sandbox,
    Services,
};
use saggar_tenant::{Flow, Tenant};
use saggar_tests::guests;
use saggar_tests::timeout::{TIMEOUT, within};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Ticks for which the guests of a test compute: 400 slices on each of two threads.
const TICKS: u64 = 400;

type MakeSlots = fn(&Plugins, &Arc<Tenant>, &str, usize) -> Slots;

/// What the slots of one task do.
struct Slots {
    flow: Flow,
    plugin: Plugin,
    count: usize,
    args: &'static str,
}

impl Slots {
    fn spinning(engine: &Plugins, tenant: &Arc<Tenant>, task: &str, count: usize) -> Self {
        let flow = Flow::new(tenant.clone(), task);
        Self { flow, plugin: engine.time.clone(), count, args: r#"["spin"]"# }
    }

    fn short(engine: &Plugins, tenant: &Arc<Tenant>, task: &str, count: usize) -> Self {
        let flow = Flow::new(tenant.clone(), task);
        Self { flow, plugin: engine.empty.clone(), count, args: "[]" }
    }
}

struct Plugins {
    engine: Engine,
    time: Plugin,
    empty: Plugin,
}

impl Plugins {
    async fn load() -> Self {
        let allocator = Allocator::Pooling;
        let options = EngineOptions { sandboxes: 300, threads: 2, allocator, ..EngineOptions::default() };
        let engine = Engine::new(options).expect("an engine");
        let time = engine.load(guests::HOSTILE_TIME).await.expect("the guest loads");
        let empty = engine.load(guests::EMPTY).await.expect("the guest loads");
        Self { engine, time, empty }
    }

    /// Lets all slots compute for some ticks; returns the processor time of each task.
    async fn compute(&self, tasks: &[Slots], ticks: u64) -> Vec<Duration> {
        let (stop, stopped) = watch::channel(false);
        let (services, mut slots) = (Arc::new(RefusingServices::until(stopped)), JoinSet::new());
        for (at, task) in tasks.iter().enumerate() {
            for _ in 0..task.count {
                let limits = Limits { memory: 16 << 20, reuse: u32::MAX };
                let sandbox = Sandbox::new(task.plugin.clone(), limits, task.flow.clone());
                let (services, args) = (services.clone(), task.args);
                slots.spawn(async move { (at, run_slot(sandbox, args, services).await) });
            }
        }
        let until = self.engine.ticks() + ticks;
        while self.engine.ticks() < until {
            // The ticks are the clock of the test; the host's threads must not be blocked meanwhile.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.send(true).expect("the slots run");
        let mut times = vec![Duration::ZERO; tasks.len()];
        while let Some(ended) = within("the slots", slots.join_next()).await {
            let (at, time) = ended.expect("a slot");
            times[at] += time;
        }
        times
    }
}

/// Makes calls until they are cancelled; returns their processor time.
async fn run_slot(mut sandbox: Sandbox, args: &str, services: Arc<RefusingServices>) -> Duration {
    let mut time = Duration::ZERO;
    while !services.is_cancelled() {
        let job = JobContext {
            id: JobId(1),
            task: "it".into(),
            attempt: 1,
            max_attempts: 1,
            handler: None,
            trace_parent: None,
        };
        let input = Input::Process { args: args.into() };
        let report = sandbox.call(Call { job, input, timeout: TIMEOUT, services: services.clone() }).await;
        if let Err(error) = &report.result {
            assert!(is_cancelled(error), "{error:?}");
        }
        time += report.cpu;
        tokio::task::coop::consume_budget().await;
    }
    time
}

fn is_cancelled(error: &CallError) -> bool {
    matches!(error, CallError::Failed(failure) if failure.kind == FailureKind::Cancelled)
}

/// Returns the parts of each in the sum.
fn parts(times: &[Duration]) -> Vec<f64> {
    let all: Duration = times.iter().sum();
    times.iter().map(|time| time.as_secs_f64() / all.as_secs_f64()).collect()
}

/// Asserts parts. The tolerance is for a machine with other work: it takes time from whichever slice runs.
fn assert_parts(times: &[Duration], expected: &[f64]) {
    let parts = parts(times);
    for (part, expected) in parts.iter().zip(expected) {
        assert!((part / expected - 1.0).abs() < 0.15, "{parts:.3?} of {times:?}");
    }
}

/// With one line for all computing guests, the one slot got a 201st.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_beside_two_hundred_of_another_task_computes_half_of_the_time() {
    let _alone = crate::alone().await;
    let plugins = Plugins::load().await;
    let tenant = Tenant::new("a");
    let tasks = [Slots::spinning(&plugins, &tenant, "many", 200), Slots::spinning(&plugins, &tenant, "few", 2)];
    assert_parts(&plugins.compute(&tasks, TICKS).await, &[0.5, 0.5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_compute_by_their_weights_however_many_slots_they_have() {
    let _alone = crate::alone().await;
    let plugins = Plugins::load().await;
    let (light, heavy) = (Tenant::new("light"), Tenant::new("heavy"));
    heavy.set_weight(300);
    let tasks = [
        Slots::spinning(&plugins, &light, "many", 40),
        Slots::spinning(&plugins, &light, "few", 4),
        Slots::spinning(&plugins, &heavy, "few", 4),
    ];
    assert_parts(&plugins.compute(&tasks, TICKS).await, &[0.125, 0.125, 0.75]);
}

/// Calls that end within a slice would otherwise be shared by the number of slots.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_short_calls_of_one_tenant_leave_another_its_share() {
    let _alone = crate::alone().await;
    let plugins = Plugins::load().await;
    let (many, few) = (Tenant::new("many"), Tenant::new("few"));
    let tasks = [Slots::short(&plugins, &many, "it", 200), Slots::short(&plugins, &few, "it", 8)];
    assert_parts(&plugins.compute(&tasks, TICKS).await, &[0.5, 0.5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_compute_by_their_weights_over_ten_seconds() {
    let _alone = crate::alone().await;
    let plugins = Plugins::load().await;
    let (light, heavy) = (Tenant::new("light"), Tenant::new("heavy"));
    heavy.set_weight(300);
    let cases = [
        ("100 slots, weight 100, against 4, weight 300, that spin", Slots::spinning as MakeSlots),
        ("100 slots, weight 100, against 4, weight 300, with short calls", Slots::short),
    ];
    for (what, slots) in cases {
        let tasks = [slots(&plugins, &light, "it", 100), slots(&plugins, &heavy, "it", 4)];
        let parts = parts(&plugins.compute(&tasks, 5_000).await);
        println!("{what}: {:.3} and {:.3} of the time; by weight it is 0.250 and 0.750", parts[0], parts[1]);
        for (part, weight) in parts.iter().zip([0.25, 0.75]) {
            assert!((part / weight - 1.0).abs() < 0.05, "{what}: {parts:.3?}");
        }
    }
}
