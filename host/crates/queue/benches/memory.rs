//! What a job costs in the memory store: add, claim and finish through the queue, on one thread.

use std::fmt::Debug;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use saggar_job::{Outcome, SystemClock, TaskKey};
use saggar_queue::{MemoryStore, NewJob, Queue, Retention, Rules, TaskQueue};

/// Polls once, because no step of the memory store waits; so no runtime adds to the measured cost.
fn now<T, E: Debug>(future: impl Future<Output = Result<T, E>>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(output)) => output,
        Poll::Ready(Err(error)) => panic!("the memory store failed: {error:?}"),
        Poll::Pending => panic!("the memory store waited"),
    }
}

fn queue(waiting: usize) -> Arc<TaskQueue> {
    let queue = Queue::new(Arc::new(MemoryStore::new()), Arc::new(SystemClock));
    let retention = Retention { success_ms: 0, failure_ms: 0 };
    let rules = Rules { size: usize::MAX, retention, ..Rules::default() };
    let task = now(queue.open(TaskKey::new("default", "bench"), rules));
    let args: Arc<str> = "[1]".into();
    for _ in 0..waiting {
        now(task.add(NewJob::new(Arc::clone(&args))));
    }
    task
}

fn success() -> Outcome {
    Outcome::Success("null".into())
}

fn whole_jobs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("memory");
    group.throughput(Throughput::Elements(1));
    for waiting in [0, 1_000, 1_000_000] {
        let task = queue(waiting);
        let args: Arc<str> = "[1]".into();
        group.bench_function(format!("add, claim, finish with {waiting} waiting"), |bencher| {
            bencher.iter(|| {
                now(task.add(NewJob::new(Arc::clone(&args))));
                let claim = now(task.claim());
                now(task.finish(claim, success()));
                prune(&task);
            });
        });
        group.bench_function(format!("add, finish and claim with {waiting} waiting"), |bencher| {
            now(task.add(NewJob::new(Arc::clone(&args))));
            let mut claim = Some(now(task.claim()));
            bencher.iter(|| {
                now(task.add(NewJob::new(Arc::clone(&args))));
                if let Some(running) = claim.take() {
                    claim = now(task.finish_and_claim(running, success())).1;
                }
                prune(&task);
            });
            if let Some(claim) = claim {
                now(task.finish(claim, success()));
            }
        });
    }
    let task = queue(0);
    group.bench_function("get of an unknown job", |bencher| {
        bencher.iter(|| black_box(now(task.get(saggar_job::JobId(7)))));
    });
    group.finish();
}

/// Prunes as maintenance does, so that ended jobs do not accumulate while the benchmark runs.
fn prune(task: &TaskQueue) {
    if task.counts().success >= 4096 {
        now(task.prune(4096));
    }
}

criterion_group!(benches, whole_jobs);
criterion_main!(benches);
