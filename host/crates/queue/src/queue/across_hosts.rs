//! Two queues on one shared store. They learn of each other only by the store's hints, of which some are lost and some
//! come twice. Each waiter finds out by itself within a second.

use std::sync::Arc;
use std::time::Duration;

use saggar_job::{
    Clock, Failure, JobId, LogSource, ManualClock, Outcome, Problem, Status, SystemClock, TaskKey, Timestamp,
};
use tokio::time::{Instant, sleep, timeout};

use super::polling::EVERY;
use crate::{Lane, LogLine, NewJob, Queue, Rules, TaskQueue, WaitError};
use saggar_store::conformance::{HintDelivery, SharedLocation};

/// Two hosts with the same task. The test's clock advances when all tasks wait for it.
struct Hosts {
    queues: [Queue; 2],
    tasks: [Arc<TaskQueue>; 2],
}

impl Hosts {
    async fn new(seed: u64, rules: Rules) -> Self {
        Self::on(&SharedLocation::new(seed), Arc::new(SystemClock), rules).await
    }

    async fn on(shared: &SharedLocation, clock: Arc<dyn Clock>, rules: Rules) -> Self {
        let queues = [shared.join(), shared.join()].map(|store| Queue::new(store, Arc::clone(&clock)));
        let key = TaskKey::new("default", "shared");
        let one = queues[0].open(key.clone(), rules.clone()).await.unwrap();
        let two = queues[1].open(key, rules).await.unwrap();
        Self { queues, tasks: [one, two] }
    }
}

/// Runs a future in the background, at most until the test ends.
#[expect(clippy::disallowed_methods, reason = "the test awaits each of them")]
fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
    tokio::spawn(future)
}

/// Returns the future's output; panics if it takes longer than a second.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let answer = timeout(Duration::from_secs(60), future).await;
    let answer = answer.unwrap_or_else(|_| panic!("{what}: never"));
    assert!(began.elapsed() <= Duration::from_secs(1), "{what}: after {:?}", began.elapsed());
    answer
}

fn success() -> Outcome {
    Outcome::Success("7".into())
}

#[tokio::test(start_paused = true)]
async fn a_job_that_one_host_adds_is_run_by_another_and_waited_for_by_both() {
    for seed in 0..20 {
        let Hosts { tasks: [one, two], queues: _queues } = Hosts::new(seed, Rules::default()).await;
        let slot = spawn({
            let two = Arc::clone(&two);
            async move { two.claim().await.unwrap() }
        });
        tokio::task::yield_now().await;
        let id = one.add(NewJob::new("[]")).await.unwrap();
        let claim = soon("the claim", slot).await.unwrap();
        assert_eq!(claim.running().id(), id);
        let waiting = [&one, &two].map(|task| {
            let task = Arc::clone(task);
            spawn(async move { task.wait(id).await.unwrap().status() })
        });
        tokio::task::yield_now().await;
        two.finish(claim, success()).await.unwrap();
        for waiting in waiting {
            assert_eq!(soon("the end", waiting).await.unwrap(), Status::Success);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_runs_on_another_host_is_cancelled() {
    for seed in 0..20 {
        let Hosts { tasks: [one, two], queues: _queues } = Hosts::new(seed, Rules::default()).await;
        let id = one.add(NewJob::new("[]")).await.unwrap();
        let claim = soon("the claim", one.claim()).await.unwrap();
        two.cancel(id).await.unwrap();
        let running = Arc::clone(claim.running());
        soon("the signal", running.cancel_signal().cancelled()).await;
        one.finish(claim, Outcome::Failure(Failure::cancelled())).await.unwrap();
        assert_eq!(two.get(id).await.unwrap().unwrap().status(), Status::Failure);
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_waits_for_a_job_learns_that_another_cancels_or_deletes_it() {
    for seed in 0..20 {
        let Hosts { tasks: [one, two], queues: _queues } = Hosts::new(seed, Rules::default()).await;
        let (to_cancel, to_delete) =
            (one.add(NewJob::new("[]")).await.unwrap(), one.add(NewJob::new("[]")).await.unwrap());
        let [cancelled, deleted] = [to_cancel, to_delete].map(|id| {
            let two = Arc::clone(&two);
            spawn(async move { two.wait(id).await })
        });
        tokio::task::yield_now().await;
        one.cancel(to_cancel).await.unwrap();
        one.delete(to_delete).await.unwrap();
        assert_eq!(soon("the end", cancelled).await.unwrap().unwrap().status(), Status::Failure);
        let gone = soon("the deletion", deleted).await.unwrap();
        assert!(matches!(gone, Err(WaitError::UnknownJob { id }) if id == to_delete), "{gone:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_one_host_retries_is_run_by_another() {
    for seed in 0..20 {
        let Hosts { tasks: [one, two], queues: _queues } = Hosts::new(seed, Rules::default()).await;
        let id = one.add(NewJob::new("[]")).await.unwrap();
        let claim = soon("the first claim", one.claim()).await.unwrap();
        one.finish(claim, success()).await.unwrap();
        let slot = Arc::clone(&two);
        let slot = spawn(async move { slot.claim().await.unwrap() });
        tokio::task::yield_now().await;
        one.retry(id).await.unwrap();
        let claim = soon("the claim", slot).await.unwrap();
        assert_eq!((claim.running().id(), claim.running().attempt()), (id, 1));
        two.finish(claim, success()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_one_host_redelivers_is_delivered_by_another() {
    for seed in 0..20 {
        let rules = Rules { success_handler: true, ..Rules::default() };
        let Hosts { tasks: [one, two], queues: _queues } = Hosts::new(seed, rules).await;
        let id = one.add(NewJob::new("[]")).await.unwrap();
        let claim = soon("the claim", one.claim()).await.unwrap();
        one.finish(claim, success()).await.unwrap();
        let callback = soon("the callback", one.next_callback(Lane::Ends)).await.unwrap();
        one.callback_failed(callback, Problem::new("odd", "it is odd"), None).await.unwrap();
        let lane = Arc::clone(&two);
        let handler = spawn(async move { lane.next_callback(Lane::Ends).await.unwrap() });
        tokio::task::yield_now().await;
        one.redeliver(id).await.unwrap();
        let again = soon("the redelivery", handler).await.unwrap();
        assert_eq!(again.tries(), 0, "as if it had never been tried");
        two.callback_done(again).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_is_paused_and_resumed_on_every_host() {
    for seed in 0..20 {
        let Hosts { tasks: [one, two], queues: _queues } = Hosts::new(seed, Rules::default()).await;
        two.pause().await.unwrap();
        one.add(NewJob::new("[]")).await.unwrap();
        let slot = Arc::clone(&one);
        let mut claim = Box::pin(async move { slot.claim().await.unwrap() });
        assert!(timeout(Duration::from_secs(5), &mut claim).await.is_err(), "it is paused");
        two.resume().await.unwrap();
        assert_eq!(soon("the claim", claim).await.running().attempt(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_one_host_leaves_is_delivered_by_another() {
    let rules = Rules { add_handler: true, success_handler: true, ..Rules::default() };
    for seed in 0..20 {
        let Hosts { tasks: [one, two], queues: _queues } = Hosts::new(seed, rules.clone()).await;
        for lane in Lane::ALL {
            let lanes = Arc::clone(&two);
            let handler = spawn(async move { lanes.next_callback(lane).await.unwrap() });
            tokio::task::yield_now().await;
            if lane == Lane::Adds {
                one.add(NewJob::new("[]")).await.unwrap();
            } else {
                let claim = soon("a job that was released on the other host", one.claim()).await.unwrap();
                one.finish(claim, success()).await.unwrap();
            }
            let callback = soon("the callback", handler).await.unwrap();
            if lane == Lane::Adds {
                let problem = Problem::new("odd", "it is odd");
                two.callback_failed(callback, problem, Some(300)).await.unwrap();
                let again = one.next_callback(lane).await.unwrap();
                assert_eq!(again.tries(), 1, "a callback that one host deferred is retried by another");
                one.callback_done(again).await.unwrap();
            } else {
                two.callback_done(callback).await.unwrap();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_grows_on_another_host_is_followed() {
    for seed in 0..20 {
        let Hosts { tasks: [one, two], queues } = Hosts::new(seed, Rules::default()).await;
        let id = one.add(NewJob::new("[]")).await.unwrap();
        let reader = Arc::clone(&two);
        let reading = spawn(async move { reader.log_after(id, 0).await.unwrap().unwrap() });
        tokio::task::yield_now().await;
        let line = LogLine { at: queues[0].clock().now(), source: LogSource::Stdout, text: "a line".to_owned() };
        one.log(id, vec![line.clone()]).await.unwrap();
        assert_eq!(soon("the line", reading).await.unwrap().lines, [line]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_idle_when_no_host_has_anything_to_do() {
    for seed in 0..20 {
        let Hosts { tasks: [one, _two], queues: [_one, second] } = Hosts::new(seed, Rules::default()).await;
        one.add(NewJob::new("[]")).await.unwrap();
        let claim = soon("the claim", one.claim()).await.unwrap();
        let mut idle = Box::pin(async move { second.idle().await });
        assert!(timeout(Duration::from_secs(5), &mut idle).await.is_err(), "a job runs");
        one.finish(claim, success()).await.unwrap();
        soon("the idle queue", idle).await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_job_is_claimed_twice() {
    let Hosts { tasks, queues: _queues } = Hosts::new(7, Rules { size: 500, ..Rules::default() }).await;
    let mut slots = tokio::task::JoinSet::new();
    for slot in 0..8 {
        let task = Arc::clone(&tasks[slot % 2]);
        slots.spawn(async move {
            let mut run = Vec::new();
            while let Ok(Ok(claim)) = timeout(Duration::from_secs(5), task.claim()).await {
                run.push(claim.running().id());
                task.finish(claim, success()).await.unwrap();
            }
            run
        });
    }
    for number in 0..200 {
        tasks[number % 2].add(NewJob::new("[]")).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut run: Vec<JobId> = slots.join_all().await.concat();
    run.sort_unstable();
    assert_eq!(run, (1..=200).map(JobId).collect::<Vec<_>>());
}

/// Waits until the first poll of the queues, which comes at once, is over. The next one comes after [`EVERY`].
async fn first_poll() {
    sleep(EVERY / 9).await;
}

#[tokio::test(start_paused = true)]
async fn a_host_that_missed_hints_checks_everything_without_waiting_for_a_poll() {
    let rules = Rules { add_handler: true, success_handler: true, ..Rules::default() };
    let shared = SharedLocation::with_hints(HintDelivery::Missed);
    let Hosts { tasks: [one, two], queues: _queues } = Hosts::on(&shared, Arc::new(SystemClock), rules).await;
    first_poll().await;
    let began = Instant::now();
    // What one host waits for is what the other one does.
    let (lane, slot) = (Arc::clone(&two), Arc::clone(&one));
    let added = spawn(async move { lane.next_callback(Lane::Adds).await.unwrap() });
    let claim = spawn(async move { slot.claim().await.unwrap() });
    tokio::task::yield_now().await;
    let id = one.add(NewJob::new("[]")).await.unwrap();
    two.callback_done(added.await.unwrap()).await.unwrap();
    let claim = claim.await.unwrap();
    let (reader, waiter, lane) = (Arc::clone(&two), Arc::clone(&two), Arc::clone(&two));
    let read = spawn(async move { reader.log_after(id, 0).await.unwrap().unwrap() });
    let ended = spawn(async move { waiter.wait(id).await.unwrap().status() });
    let succeeded = spawn(async move { lane.next_callback(Lane::Ends).await.unwrap() });
    tokio::task::yield_now().await;
    let line = LogLine { at: Timestamp(1), source: LogSource::Stdout, text: "a line".to_owned() };
    one.log(id, vec![line.clone()]).await.unwrap();
    assert_eq!(read.await.unwrap().lines, [line]);
    one.finish(claim, success()).await.unwrap();
    assert_eq!(ended.await.unwrap(), Status::Success);
    two.callback_done(succeeded.await.unwrap()).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO, "nothing waited for the next poll");
}

#[tokio::test(start_paused = true)]
async fn a_delayed_job_of_another_host_whose_hint_was_lost_is_claimed_by_the_second_poll() {
    const DELAY_MS: u64 = 60_000;
    let clock = Arc::new(ManualClock::new(Timestamp(1_000_000)));
    let shared = SharedLocation::with_hints(HintDelivery::Lost);
    let hosts = Hosts::on(&shared, Arc::clone(&clock) as _, Rules::default()).await;
    let Hosts { tasks: [one, two], queues: _queues } = hosts;
    first_poll().await;
    let claim = spawn(async move { two.claim().await.unwrap() });
    tokio::task::yield_now().await;
    let began = Instant::now();
    let run_at = Some(clock.now().plus_ms(DELAY_MS));
    let id = one.add(NewJob { run_at, ..NewJob::new("[]") }).await.unwrap();
    // By the first poll the claimer learns when the job is due, and sleeps until then.
    sleep(EVERY).await;
    assert!(!claim.is_finished(), "it is not due");
    clock.advance_ms(DELAY_MS);
    assert_eq!(claim.await.unwrap().running().id(), id);
    assert!(began.elapsed() <= 2 * EVERY, "after {:?}", began.elapsed());
}
