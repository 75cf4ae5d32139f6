//! `saggar logs`: prints a job's log, or follows it.

use saggar_client::{Client, StreamItem};
use saggar_wire::LogLine;

use super::client::{self, Connection};
use super::output::{self, StdoutState, name};
use crate::cli::client::Logs;

pub(crate) async fn run(args: Logs) -> anyhow::Result<u8> {
    let client = client::connect(&args.host)?;
    if args.follow {
        return follow(&client, &args).await;
    }
    let answer = client.logs(&args.task, args.id).await?;
    if args.host.json {
        output::json(answer.text())?;
    } else {
        output::write(&answer.parse()?.lines.iter().map(shown).collect::<String>())?;
    }
    Ok(0)
}

async fn follow(client: &Client, args: &Logs) -> anyhow::Result<u8> {
    let mut lines = client.follow_logs(&args.task, args.id).await?;
    let mut connection = Connection::new();
    loop {
        let (event, message) = match lines.next().await? {
            StreamItem::Event(event) => (Some(event), None),
            StreamItem::Disconnected(why) => (None, connection.lost(&why)),
            StreamItem::Reconnected => (None, connection.restored()),
            StreamItem::End => return Ok(0),
        };
        if let Some(message) = message {
            say!("{message}");
        }
        let Some(event) = event else { continue };
        let stdout = match event.kind.as_str() {
            "end" => return Ok(0),
            "log" if args.host.json => output::json(&event.data)?,
            "log" => output::write(&shown(&serde_json::from_str(&event.data)?))?,
            _ => StdoutState::Open,
        };
        if stdout == StdoutState::Closed {
            return Ok(0);
        }
    }
}

/// Formats a line as `2026-11-24T10:00:00.000Z stdout | all is well`.
fn shown(line: &LogLine) -> String {
    let source = line.level.as_ref().map_or_else(|| name(&line.source), name);
    format!("{} {source:<6} | {}\n", line.at, saggar_sandbox::escaped(&line.text))
}
