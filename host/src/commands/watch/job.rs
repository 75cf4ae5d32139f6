//! `saggar watch TASK ID`: watches one job until it has ended.

use indicatif::ProgressBar;
use saggar_client::{Client, JsonBody, StreamItem};
use saggar_wire::{Job, Status};

use super::{WatchEvent, event_json};
use crate::commands::client::Connection;
use crate::commands::output::{self, StdoutState, cell};
use crate::commands::{job_view, show};

/// How to show the job.
struct JobWatch {
    bar: ProgressBar,
    as_json: bool,
}

pub(super) async fn run(client: &Client, task: &str, id: u64, as_json: bool) -> anyhow::Result<u8> {
    let view = JobWatch { bar: show::progress_bar(), as_json };
    let mut connection = Connection::new();
    // Subscribe before the job is looked up, so that no event is missed.
    let mut events = client.job_events(task, id).await?;
    if let Some(code) = view.show_job(&client.get(task, id).await?)? {
        return Ok(code);
    }
    if !output::is_terminal() {
        say!("watching {}#{id} at {}; press Ctrl-C to stop", cell(task), client.url());
    }
    loop {
        let message = match events.next().await? {
            StreamItem::Event(raw) => {
                let Some(event) = WatchEvent::parse(&raw) else { continue };
                let stdout = view.show(&event, as_json.then(|| event_json(&raw)))?;
                if event.kind == "deleted" || stdout == StdoutState::Closed {
                    return Ok(0);
                }
                if event.ends_job() || event.is_gap() {
                    // Look up what the event does not contain: why the job failed, and after a gap, whether it has
                    // ended.
                    if let Some(code) = view.end(&client.get(task, id).await?)? {
                        return Ok(code);
                    }
                }
                continue;
            }
            StreamItem::Disconnected(why) => connection.lost(&why),
            StreamItem::Reconnected => connection.restored(),
            StreamItem::End => return view.end(&client.get(task, id).await?).map(|code| code.unwrap_or(0)),
        };
        if let Some(message) = message {
            view.bar.suspend(|| say!("{message}"));
        }
    }
}

impl JobWatch {
    /// Shows the current state of the job. Returns the exit code if it has ended.
    fn show_job(&self, answer: &JsonBody<Job>) -> anyhow::Result<Option<u8>> {
        let job = answer.parse()?;
        if self.as_json {
            output::json(answer.text())?;
        } else {
            let progress = job_view::progress(job.current, job.total, &job.message);
            output::line(cell(&format!("{}  {progress}", job_view::one_line(&job))).trim_end())?;
        }
        if has_ended(&job) {
            return Ok(Some(job_view::end(&job)));
        }
        show::progress(&self.bar, job.current, job.total, &job.message);
        Ok(None)
    }

    fn show(&self, event: &WatchEvent, as_json: Option<String>) -> anyhow::Result<StdoutState> {
        if let Some((current, total)) = event.progress() {
            show::progress(&self.bar, current, total, &event.message);
        }
        self.bar.suspend(|| match as_json {
            Some(json) => output::json(&json),
            // The bar shows the progress.
            None if event.progress().is_some() && output::is_terminal() && !self.bar.is_hidden() => {
                Ok(StdoutState::Open)
            }
            None => output::line(&cell(&event.line())),
        })
    }

    /// Returns the exit code if the job has ended. With --json also prints the whole job, because events contain only
    /// parts of it.
    fn end(&self, answer: &JsonBody<Job>) -> anyhow::Result<Option<u8>> {
        let job = answer.parse()?;
        if !has_ended(&job) {
            return Ok(None);
        }
        self.bar.finish_and_clear();
        if self.as_json {
            output::json(answer.text())?;
        }
        Ok(Some(job_view::end(&job)))
    }
}

fn has_ended(job: &Job) -> bool {
    matches!(job.status, Status::Success | Status::Failure)
}
