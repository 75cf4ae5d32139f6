//! What tasks did in the last hours.

use std::sync::Arc;

use saggar_queue::TaskQueue;
use saggar_wire as wire;

use crate::access::{Allowed, Read};
use crate::answer::{Answer, Answered};
use crate::parameters::{Parameters, invalid};
use crate::refusals::{ACCESS, ANSWER, QUERY, TASK, refusals};
use crate::rfc3339;
use crate::series::SummedSeries;

/// Tasks that are added in one go: a few milliseconds if all of them work all the time.
const AT_ONCE: usize = 256;

refusals! {
    SeriesRefusals [ACCESS, QUERY, TASK, ANSWER];
}

/// What a task or all tasks did in the last two hours, in steps of ten seconds.
///
/// The host has it in memory, and forgets it when it stops: steps from before its start are zero.
#[utoipa::path(
    get, path = "/v1/series", tag = "tasks", params(wire::SeriesQuery),
    responses((status = 200, description = "The series", body = wire::Series), SeriesRefusals)
)]
pub(super) async fn get_series(
    access: Allowed<Read>,
    Parameters(wire::SeriesQuery { task, from }): Parameters<wire::SeriesQuery>,
) -> Answered<wire::Series> {
    let from = from.as_deref().map(rfc3339::read).transpose();
    let from = from.map_err(|why| invalid(format!("`from`: {why}")))?;
    let queues: Vec<Arc<TaskQueue>> = match &task {
        Some(task) => vec![access.jobs.queue(task)?],
        None => access.jobs.open_tasks().into_iter().map(|(_, queue)| queue).collect(),
    };
    let elapsed = queues.first().map(|queue| queue.counters().elapsed()).unwrap_or_default();
    let mut series = SummedSeries::new(access.jobs.now(), elapsed, from);
    for some in queues.chunks(AT_ONCE) {
        some.iter().for_each(|queue| series.add(queue));
        tokio::task::yield_now().await;
    }
    Ok(Answer::ok(series.finish(task.is_some())))
}
