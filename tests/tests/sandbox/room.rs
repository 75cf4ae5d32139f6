//! The sandbox alone, without a host: when a call yields its thread, and how calls behave while the pool is full.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::poll_immediate;
use saggar_job::JobId;
use saggar_sandbox::{
    Allocator, Answer, Call, CallError, Engine, EngineOptions, Input, JobContext, Limits, Plugin, RefusingServices,
    Sandbox,
};
use saggar_tenant::{Flow, Tenant};
use saggar_tests::guests;
use saggar_tests::timeout::{TIMEOUT, within};

fn call(timeout: Duration) -> Call {
    let task: Arc<str> = "it".into();
    Call {
        job: JobContext { id: JobId(1), task, attempt: 1, max_attempts: 1, handler: None, trace_parent: None },
        input: Input::Process { args: "[]".into() },
        timeout,
        services: Arc::new(RefusingServices::default()),
    }
}

async fn load(sandboxes: u32, allocator: Allocator, tick: Duration) -> Plugin {
    let options = EngineOptions { sandboxes, allocator, tick, ..EngineOptions::default() };
    Engine::new(options).expect("an engine").load(guests::EMPTY).await.expect("the guest loads")
}

fn sandbox(plugin: &Plugin) -> Sandbox {
    let flow = Flow::new(Tenant::new("default"), "it");
    Sandbox::new(plugin.clone(), Limits { memory: 16 << 20, reuse: 100 }, flow)
}

/// Without a tick in time, a call ends when it is polled once, and so does the first call in an instance.
#[tokio::test]
async fn a_call_without_a_tick_does_not_yield_its_thread() {
    for allocator in [Allocator::Pooling, Allocator::OnDemand] {
        let plugin = load(2, allocator, Duration::from_secs(3600)).await;
        let mut sandbox = sandbox(&plugin);
        for _ in 0..3 {
            let report = poll_immediate(sandbox.call(call(TIMEOUT))).await;
            let report = report.expect("the call yielded, although no tick interrupted it");
            assert!(matches!(report.result, Ok(Answer::Response(_))), "{report:?}");
        }
    }
}

/// A call waits for capacity while the pool is full. If its timeout passes meanwhile, it fails as not started.
#[tokio::test]
async fn calls_wait_for_a_full_pool_without_using_an_attempt() {
    for allocator in [Allocator::Pooling, Allocator::OnDemand] {
        let plugin = load(1, allocator, Duration::from_millis(2)).await;
        let (mut first, mut second) = (sandbox(&plugin), sandbox(&plugin));
        assert!(first.call(call(TIMEOUT)).await.result.is_ok());
        // The first sandbox keeps its instance.
        let Err(refused) = second.call(call(Duration::from_millis(20))).await.result else {
            panic!("the pool was not full")
        };
        assert!(matches!(refused, CallError::NoCapacity(_)), "{refused:?}");
        assert!(refused.into_outcome().is_none(), "the attempt counts, although it never started");

        let mut waiting = std::pin::pin!(second.call(call(TIMEOUT)));
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        first.retire();
        let report = within("capacity", waiting).await;
        assert!(report.result.is_ok(), "{report:?}");
    }
}
