//! `saggar run --repeat`: adds the same job many times, and measures throughput and latency.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use saggar::{AddError, Family, Host, JobId, JobKey, Role, Status};
use serde_json::json;
use tokio::task::JoinSet;

use super::run::{added_jobs, callbacks, not_added};
use super::{FAILURE, USAGE, arguments, output, show};
use crate::cli::Run;

/// Jobs in flight: enough to keep all slots busy, fewer than the default size of a queue.
const IN_FLIGHT: u64 = 512;

/// Delay before a retry if the queue is full.
const RETRY_DELAY: Duration = Duration::from_millis(1);

/// Measurements of one adder.
#[derive(Default)]
struct Measurements {
    latencies_us: Vec<u32>,
    failed: u64,
}

pub(crate) async fn run(host: &Host, args: &Run, times: u64) -> anyhow::Result<u8> {
    let Some(task) = host.app().tasks.iter().find(|task| task.id.folded() == args.task.to_lowercase()).cloned() else {
        // Adding fails, and the host's own error is the best message.
        return Ok(host.add(&args.task, "[]").await.map_or_else(|error| not_added(&error), |_| USAGE));
    };
    let has_handlers = task.references().any(|(role, _)| role != Role::Processor);
    let adders = IN_FLIGHT.min(u64::from(task.size)).min(times);
    let left = Arc::new(AtomicU64::new(times));
    let job_args: Arc<str> = arguments::array(&args.args).get().into();
    let began = Instant::now();
    let family = host.family();
    let mut tasks = JoinSet::new();
    for _ in 0..adders {
        let adder = Adder {
            host: host.clone(),
            family: family.clone(),
            task: args.task.clone(),
            print_ids: args.ids,
            has_handlers,
        };
        tasks.spawn(adder.add_and_wait(job_args.clone(), left.clone()));
    }
    let mut all = Measurements::default();
    while let Some(measured) = tasks.join_next().await {
        match measured?? {
            Ok(measured) => {
                all.latencies_us.extend(measured.latencies_us);
                all.failed += measured.failed;
            }
            Err(error) => return Ok(not_added(&error)),
        }
    }
    let took = began.elapsed();
    // Waits only for the jobs that these jobs added.
    added_jobs(host, &family).await?;
    print(args, &mut all, took)?;
    Ok(if all.failed > 0 { FAILURE } else { 0 })
}

/// Adds jobs one after the other, and waits for each.
struct Adder {
    host: Host,
    family: Family,
    task: String,
    print_ids: bool,
    /// Whether to wait for callbacks.
    has_handlers: bool,
}

impl Adder {
    async fn add_and_wait(
        self,
        args: Arc<str>,
        left: Arc<AtomicU64>,
    ) -> anyhow::Result<Result<Measurements, AddError>> {
        let Self { host, family, task, print_ids, has_handlers } = self;
        let of = host.key(&task, 0).task;
        let mut measured = Measurements::default();
        while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            let began = Instant::now();
            let id = loop {
                match host.add_job(&task, saggar::NewJob::new(args.clone())).await {
                    Ok(id) => break id,
                    Err(error) if ["queue-full", "keep-bytes-exceeded"].contains(&error.code()) => {
                        tokio::time::sleep(RETRY_DELAY).await
                    }
                    Err(error) => return Ok(Err(error)),
                }
            };
            let id = JobId(id);
            family.begin_with(&of, id);
            if print_ids {
                show::line(&id.to_string())?;
            }
            let succeeded = host.wait(&task, id.0).await.is_ok_and(|job| job.status == Status::Success);
            measured.failed += u64::from(!succeeded);
            measured.latencies_us.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
            if has_handlers {
                callbacks(&host, &JobKey { task: of.clone(), id }).await?;
            }
            family.forget(&of, id);
        }
        Ok(Ok(measured))
    }
}

fn print(args: &Run, measured: &mut Measurements, took: Duration) -> anyhow::Result<()> {
    let latencies = &mut measured.latencies_us;
    latencies.sort_unstable();
    let jobs = latencies.len();
    let at = |share: f64| latencies.get((jobs as f64 * share) as usize).or(latencies.last()).copied().unwrap_or(0);
    let ms = |us: u32| f64::from(us) / 1000.0;
    let rate = jobs as f64 / took.as_secs_f64().max(f64::EPSILON);
    let (p50, p99, max) = (ms(at(0.5)), ms(at(0.99)), ms(at(1.0)));
    if args.json {
        let summary = json!({
            "jobs": jobs,
            "failed": measured.failed,
            "seconds": took.as_secs_f64(),
            "jobs_per_second": rate,
            "latency_ms": { "p50": p50, "p99": p99, "max": max },
        });
        output::json(&summary.to_string()).map(drop)
    } else {
        show::line(&format!(
            "{jobs} jobs, {} failed, in {:.3} s: {rate:.0} jobs/s",
            measured.failed,
            took.as_secs_f64()
        ))?;
        show::line(&format!("from add to end: p50 {p50:.3} ms, p99 {p99:.3} ms, max {max:.3} ms"))
    }
}
