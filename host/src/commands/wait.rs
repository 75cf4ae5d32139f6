//! Waits for a job's end, and shows its progress on the terminal.

use std::io::IsTerminal;

use saggar_client::{Client, ClientError, EventStream, JsonBody, StreamItem};
use saggar_wire::Job;

use super::show;
use super::watch::WatchEvent;

/// Waits until a job has ended; returns the job.
pub(crate) async fn end(client: &Client, task: &str, id: u64) -> Result<JsonBody<Job>, ClientError> {
    if !std::io::stderr().is_terminal() {
        return client.wait(task, id).await;
    }
    // If the event stream cannot be opened, `wait` reports the reason.
    let Ok(mut events) = client.job_events(task, id).await else { return client.wait(task, id).await };
    let bar = show::progress_bar();
    let job = client.get(task, id).await?.parse()?;
    show::progress(&bar, job.current, job.total, &job.message);
    let mut waiting = std::pin::pin!(client.wait(task, id));
    let ended = loop {
        tokio::select! {
            ended = &mut waiting => break ended,
            event = next(&mut events) => match event {
                Ok(event) => if let Some((current, total)) = event.progress() {
                    show::progress(&bar, current, total, &event.message);
                },
                // The stream has failed, so progress is no longer shown. `wait` returns the job or the error.
                Err(_) => break waiting.await,
            },
        }
    };
    bar.finish_and_clear();
    ended
}

/// Returns the next event of the job; never resolves after the last one.
async fn next(events: &mut EventStream) -> Result<WatchEvent, ClientError> {
    loop {
        match events.next().await? {
            StreamItem::Event(raw) => {
                if let Some(event) = WatchEvent::parse(&raw) {
                    return Ok(event);
                }
            }
            StreamItem::End => std::future::pending().await,
            StreamItem::Disconnected(_) | StreamItem::Reconnected => {}
        }
    }
}
