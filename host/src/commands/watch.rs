//! `saggar watch`: shows events as they happen, in a live view on a terminal, and one per line elsewhere.

mod event;
mod job;
mod live_view;
mod screen;

use std::collections::BTreeMap;
use std::time::Duration;

use saggar_client::{Client, ClientError, EventStream, JsonBody, ServerEvent, StreamItem};
use saggar_wire::{CommaList, ListQuery, ListedJob, Order, Status, Tasks};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::client::{self, Connection};
use super::output::{self, StdoutState};
use crate::cli::client::Watch;
pub(crate) use event::WatchEvent;
use live_view::LiveView;
use screen::Screen;

/// Redraw interval: short enough to look live, long enough to cost little.
const FRAME_INTERVAL: Duration = Duration::from_millis(100);

/// Maximum age of the counts while events arrive.
const BUSY_REFRESH: Duration = Duration::from_secs(1);

/// Maximum age of the counts without events. Then only time changes them: a delay or a retention ends.
const IDLE_REFRESH: Duration = Duration::from_secs(10);

/// Page size for running jobs: the most jobs that a host returns at once.
const PAGE: usize = 1_000;

pub(crate) async fn run(args: Watch) -> anyhow::Result<u8> {
    let client = client::connect(&args.host)?;
    if let (Some(task), Some(id)) = (&args.task, args.id) {
        return job::run(&client, task, id, args.host.json).await;
    }
    // Subscribe before anything is looked up, so that no event is missed.
    let events = client.events(args.task.as_deref()).await?;
    if output::supports_redraw() && !args.host.json {
        draw(&client, args.task.as_deref(), events).await
    } else {
        say!("watching {}; press Ctrl-C to stop", client.url());
        print(events, args.host.json).await
    }
}

/// Prints a line for each event.
async fn print(mut events: EventStream, as_json: bool) -> anyhow::Result<u8> {
    let mut connection = Connection::new();
    loop {
        let message = match events.next().await? {
            StreamItem::Event(raw) => {
                let Some(event) = WatchEvent::parse(&raw) else { continue };
                let stdout = if as_json { output::json(&event_json(&raw))? } else { output::line(&event.line())? };
                if stdout == StdoutState::Closed {
                    return Ok(0);
                }
                continue;
            }
            StreamItem::Disconnected(why) => connection.lost(&why),
            StreamItem::Reconnected => connection.restored(),
            StreamItem::End => return Ok(0),
        };
        if let Some(message) = message {
            say!("{message}");
        }
    }
}

/// Returns an event's data including its kind. Keeps values as the host wrote them.
fn event_json(event: &ServerEvent) -> String {
    let Ok(members) = serde_json::from_str::<BTreeMap<String, &RawValue>>(&event.data) else {
        return event.data.clone();
    };
    if members.contains_key("kind") {
        return event.data.clone();
    }
    let kind = Value::from(event.kind.as_str());
    let members: String =
        members.iter().map(|(name, value)| format!(",{}:{value}", Value::from(name.as_str()))).collect();
    format!("{{\"kind\":{kind}{members}}}")
}

/// A request for the counts of all tasks.
type PendingCounts = std::pin::Pin<Box<dyn Future<Output = Result<JsonBody<Tasks>, ClientError>> + Send>>;

/// The live view, and the age of its counts.
struct WatchState<'a> {
    client: &'a Client,
    task: Option<&'a str>,
    view: LiveView,
    screen: Screen,
    connection: Connection,
    pending_counts: Option<PendingCounts>,
    counts_at: Option<Instant>,
    /// Whether any event has arrived since `counts_at`.
    changed: bool,
}

async fn draw(client: &Client, task: Option<&str>, mut events: EventStream) -> anyhow::Result<u8> {
    let mut state = WatchState {
        client,
        task,
        view: LiveView::new(running(client, task).await?),
        screen: Screen::new(),
        connection: Connection::new(),
        pending_counts: None,
        counts_at: None,
        changed: true,
    };
    let mut frames = interval(FRAME_INTERVAL);
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let pending_counts = &mut state.pending_counts;
        let counts = async {
            match pending_counts {
                Some(pending_counts) => pending_counts.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            item = events.next() => {
                if !state.handle(item?).await? {
                    return Ok(0);
                }
            }
            counts = counts => state.set_counts(counts)?,
            _ = frames.tick() => state.redraw(),
        }
    }
}

/// Returns all running jobs.
async fn running(client: &Client, task: Option<&str>) -> Result<Vec<ListedJob>, ClientError> {
    let mut query = ListQuery {
        status: Some(CommaList(vec![Status::Running])),
        order: Some(Order::Oldest),
        limit: Some(PAGE),
        ..ListQuery::default()
    };
    let mut all = Vec::new();
    loop {
        let page = client.list(task, &query).await?.parse()?;
        all.extend(page.jobs);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(all),
        }
    }
}

impl WatchState<'_> {
    /// Handles an item of the stream; returns whether more may follow.
    async fn handle(&mut self, item: StreamItem) -> anyhow::Result<bool> {
        let message = match item {
            StreamItem::Event(raw) => {
                let Some(event) = WatchEvent::parse(&raw) else { return Ok(true) };
                self.changed = true;
                if event.is_gap() {
                    // Otherwise a job whose end was missed would stay in the view.
                    self.view = LiveView::new(running(self.client, self.task).await?);
                }
                self.view.apply(&event);
                if event.is_notable() { Some(event.line()) } else { None }
            }
            StreamItem::Disconnected(why) => self.connection.lost(&why),
            StreamItem::Reconnected => self.connection.restored(),
            StreamItem::End => return Ok(false),
        };
        if let Some(message) = message {
            self.screen.line(&saggar_sandbox::escaped(&message))?;
        }
        Ok(true)
    }

    fn set_counts(&mut self, counts: Result<JsonBody<Tasks>, ClientError>) -> Result<(), ClientError> {
        self.pending_counts = None;
        self.counts_at = Some(Instant::now());
        match counts.and_then(|answer| answer.parse()) {
            Ok(Tasks { tasks, .. }) => {
                let is_wanted = |id: &str| self.task.is_none_or(|task| task.eq_ignore_ascii_case(id));
                self.view.set_counts(tasks.into_iter().filter(|task| is_wanted(&task.id)).collect());
                Ok(())
            }
            // Keep the old counts. The event stream reports that the host is unreachable.
            Err(error) if error.is_transient() => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn redraw(&mut self) {
        let most = if self.changed { BUSY_REFRESH } else { IDLE_REFRESH };
        if self.pending_counts.is_none() && self.counts_at.is_none_or(|at| at.elapsed() >= most) {
            self.changed = false;
            let client = self.client.clone();
            self.pending_counts = Some(Box::pin(async move { client.tasks_now().await }));
        }
        self.screen.draw(&self.view);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_events_are_printed_verbatim() {
        let of = |data: &str| event_json(&ServerEvent { kind: "moved".into(), id: String::new(), data: data.into() });
        assert_eq!(
            of(r#"{"to":[1e400,1.50], "id":18446744073709551617}"#),
            r#"{"kind":"moved","id":18446744073709551617,"to":[1e400,1.50]}"#
        );
        assert_eq!(of(r#"{ "kind":"added","id":1 }"#), r#"{ "kind":"added","id":1 }"#);
        assert_eq!(of("no object"), "no object");
    }
}
