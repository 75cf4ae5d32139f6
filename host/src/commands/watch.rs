//! `saggar watch`: what happens, as it happens: drawn on a terminal, a line for each event elsewhere.

mod board;
mod happened;
mod job;
mod screen;

use std::collections::BTreeMap;
use std::time::Duration;

use saggar_api::wire::{ListedJob, Status, Tasks};
use saggar_client::{Client, ClientError, EventStream, JsonBody, ListQuery, ServerEvent, StreamItem};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::ask::{self, Connection};
use super::output::{self, Reader};
use crate::cli::client::Watch;
use board::Board;
pub(crate) use happened::Happened;
use screen::Screen;

/// How often the terminal is drawn: often enough to look alive, seldom enough to cost nothing.
const FRAME: Duration = Duration::from_millis(100);

/// How old the counts of a busy host may be …
const BUSY: Duration = Duration::from_secs(1);

/// … and of a quiet one, where time alone changes them: a delay is over, a retention too.
const QUIET: Duration = Duration::from_secs(10);

/// How many running jobs are asked for at a time: as many as a host answers.
const PAGE: usize = 1_000;

pub(crate) async fn run(args: Watch) -> anyhow::Result<u8> {
    let client = ask::client(&args.host)?;
    if let (Some(task), Some(id)) = (&args.task, args.id) {
        return job::run(&client, task, id, args.host.json).await;
    }
    // Before anything is looked at, so that nothing happens unseen in between.
    let events = client.events(args.task.as_deref()).await?;
    if output::can_be_drawn_on() && !args.host.json {
        draw(&client, args.task.as_deref(), events).await
    } else {
        say!("watching {}; Ctrl-C ends it", client.url());
        print(events, args.host.json).await
    }
}

/// A line for each event.
async fn print(mut events: EventStream, as_json: bool) -> anyhow::Result<u8> {
    let mut connection = Connection::new();
    loop {
        let said = match events.next().await? {
            StreamItem::Event(event) => {
                let Some(happened) = Happened::read(&event) else { continue };
                let reader = if as_json { output::json(&event_json(&event))? } else { output::line(&happened.line())? };
                if reader == Reader::Gone {
                    return Ok(0);
                }
                continue;
            }
            StreamItem::Disconnected(why) => connection.lost(&why),
            StreamItem::Reconnected => connection.back(),
            StreamItem::End => return Ok(0),
        };
        if let Some(said) = said {
            say!("{said}");
        }
    }
}

/// An event's data with its kind, if that is only beside it. Values stay as the host wrote them.
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

/// Counts of all tasks on their way.
type Asked = std::pin::Pin<Box<dyn Future<Output = Result<JsonBody<Tasks>, ClientError>> + Send>>;

/// What is drawn, and how old it is.
struct Picture<'a> {
    client: &'a Client,
    task: Option<&'a str>,
    board: Board,
    screen: Screen,
    connection: Connection,
    asked: Option<Asked>,
    counted_at: Option<Instant>,
    /// Whether anything has happened since then.
    stirred: bool,
}

async fn draw(client: &Client, task: Option<&str>, mut events: EventStream) -> anyhow::Result<u8> {
    let mut picture = Picture {
        client,
        task,
        board: Board::new(running(client, task).await?),
        screen: Screen::new(),
        connection: Connection::new(),
        asked: None,
        counted_at: None,
        stirred: true,
    };
    let mut frames = interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let asked = &mut picture.asked;
        let counts = async {
            match asked {
                Some(asked) => asked.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            followed = events.next() => {
                if !picture.take(followed?).await? {
                    return Ok(0);
                }
            }
            counts = counts => picture.count(counts)?,
            _ = frames.tick() => picture.frame(),
        }
    }
}

/// All jobs of which an attempt runs.
async fn running(client: &Client, task: Option<&str>) -> Result<Vec<ListedJob>, ClientError> {
    let mut query =
        ListQuery { status: Some(Status::Running), order: Some("oldest"), limit: Some(PAGE), ..ListQuery::default() };
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

impl Picture<'_> {
    /// Takes up what came; answers whether more may come.
    async fn take(&mut self, followed: StreamItem) -> anyhow::Result<bool> {
        let said = match followed {
            StreamItem::Event(event) => {
                let Some(happened) = Happened::read(&event) else { return Ok(true) };
                self.stirred = true;
                if happened.is_gap() {
                    // What ended unseen would stay on the board for ever.
                    self.board = Board::new(running(self.client, self.task).await?);
                }
                self.board.note(&happened);
                if happened.is_worth_a_line() { Some(happened.line()) } else { None }
            }
            StreamItem::Disconnected(why) => self.connection.lost(&why),
            StreamItem::Reconnected => self.connection.back(),
            StreamItem::End => return Ok(false),
        };
        if let Some(said) = said {
            self.screen.line(&saggar_sandbox::escaped(&said))?;
        }
        Ok(true)
    }

    fn count(&mut self, counts: Result<JsonBody<Tasks>, ClientError>) -> Result<(), ClientError> {
        self.asked = None;
        self.counted_at = Some(Instant::now());
        match counts.and_then(|answer| answer.parse()) {
            Ok(Tasks { tasks, .. }) => {
                let is_wanted = |id: &str| self.task.is_none_or(|task| task.eq_ignore_ascii_case(id));
                self.board.count(tasks.into_iter().filter(|task| is_wanted(&task.id)).collect());
                Ok(())
            }
            // The counts stay as they were: that the host is gone, the events say.
            Err(error) if error.is_transient() => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn frame(&mut self) {
        let most = if self.stirred { BUSY } else { QUIET };
        if self.asked.is_none() && self.counted_at.is_none_or(|at| at.elapsed() >= most) {
            self.stirred = false;
            let client = self.client.clone();
            self.asked = Some(Box::pin(async move { client.tasks_now().await }));
        }
        self.screen.draw(&self.board);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_keeps_its_digits() {
        let of = |data: &str| event_json(&ServerEvent { kind: "moved".into(), id: String::new(), data: data.into() });
        assert_eq!(
            of(r#"{"to":[1e400,1.50], "id":18446744073709551617}"#),
            r#"{"kind":"moved","id":18446744073709551617,"to":[1e400,1.50]}"#
        );
        assert_eq!(of(r#"{ "kind":"added","id":1 }"#), r#"{ "kind":"added","id":1 }"#);
        assert_eq!(of("no object"), "no object");
    }
}
