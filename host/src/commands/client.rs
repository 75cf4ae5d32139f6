//! What the commands that talk to a host have in common: reaching it, saying what went wrong and what to do, the exit code.

use std::time::{Duration, Instant};

use saggar_client::{Client, ClientError};
use saggar_sandbox::escaped;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{FAILURE, INTERRUPTED, USAGE, output};
use super::{add, change, completions, get, list, logs, openapi, stats, tasks, watch};
use crate::cli::client::{ClientCommand, HostArgs};

/// There is no host at the address, or it was lost.
const NETWORK: u8 = 3;

/// Refusals of what a command line says, rather than of what it wants.
const USAGE_CODES: [&str; 6] =
    ["unknown-task", "invalid-args", "invalid-query", "invalid-body", "invalid-header", "invalid-path"];

/// How long a command may take to end after Ctrl-C.
const EXIT_GRACE: Duration = Duration::from_secs(1);

pub(crate) async fn run(command: ClientCommand) -> anyhow::Result<u8> {
    let as_json = command.wants_json();
    let mut watchdog = JoinSet::new();
    watchdog.spawn(exit_on_interrupt());
    let done = tokio::select! {
        done = run_one(command) => done,
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| INTERRUPTED).map_err(Into::into),
    };
    match done {
        Err(error) => match error.downcast_ref::<ClientError>() {
            Some(of_client) if as_json => {
                say!("{}", error_document(of_client, &outer_context(&error, of_client)));
                Ok(exit_code(of_client))
            }
            Some(of_client) => {
                let advice = advice(of_client).map(|advice| format!("\n{advice}")).unwrap_or_default();
                say!("saggar: {}{advice}", escaped(&format!("{error:#}")));
                Ok(exit_code(of_client))
            }
            None => Err(error),
        },
        done => done,
    }
}

/// What stands before an error of a client's in the text of one that wraps it.
fn outer_context(error: &anyhow::Error, of_client: &ClientError) -> String {
    let innermost = of_client.to_string();
    let outer = error.chain().map(ToString::to_string).take_while(|text| *text != innermost);
    outer.collect::<Vec<_>>().join(": ")
}

/// An error on one line for programs: what the host answered, if it refused, and else `code` and `detail` alike. `context` says
/// what was done until then.
pub(crate) fn error_document(error: &ClientError, context: &str) -> String {
    let refused = match error {
        ClientError::Refused(problem) => serde_json::to_value(problem).ok(),
        _ => None,
    };
    let mut document = refused.unwrap_or_else(|| json!({ "code": error.name(), "detail": error.to_string() }));
    if !context.is_empty() {
        document["context"] = Value::from(context);
    }
    output::escaped_json(&document.to_string()).into_owned()
}

/// Ends the process after Ctrl-C if the command does not: a reader of its output who does not read holds it up, and then
/// nothing else is looked at.
async fn exit_on_interrupt() {
    // That Ctrl-C cannot be caught, the command itself says.
    if tokio::signal::ctrl_c().await.is_ok() {
        tokio::time::sleep(EXIT_GRACE).await;
        std::process::exit(INTERRUPTED.into());
    }
}

async fn run_one(command: ClientCommand) -> anyhow::Result<u8> {
    match command {
        ClientCommand::Add(args) => add::run(args).await,
        ClientCommand::Get(args) => get::run(args).await,
        ClientCommand::List(args) => list::run(args).await,
        ClientCommand::Watch(args) => watch::run(args).await,
        ClientCommand::Logs(args) => logs::run(args).await,
        ClientCommand::Cancel(args) => change::cancel(args).await,
        ClientCommand::Retry(args) => change::retry(args).await,
        ClientCommand::Redeliver(args) => change::redeliver(args).await,
        ClientCommand::Delete(args) => change::delete(args).await,
        ClientCommand::Pause(args) => change::pause(args).await,
        ClientCommand::Resume(args) => change::resume(args).await,
        ClientCommand::Stats(args) => stats::run(args).await,
        ClientCommand::Tasks(args) => tasks::run(args).await,
        ClientCommand::Openapi(_) => openapi::run(),
        ClientCommand::Completions(args) => completions::run(&args),
    }
}

/// A client of the host that the command line names.
pub(crate) fn connect(args: &HostArgs) -> Result<Client, ClientError> {
    let token = args.token.as_deref().filter(|token| !token.is_empty());
    Ok(Client::new(&args.url, token)?.with_retry_for(args.retry_for))
}

pub(crate) fn exit_code(error: &ClientError) -> u8 {
    match (error, error.code()) {
        (_, Some(code)) if USAGE_CODES.contains(&code) => USAGE,
        (
            ClientError::InvalidUrl { .. }
            | ClientError::InvalidToken
            | ClientError::InvalidKey { .. }
            | ClientError::InvalidTaskId(_),
            _,
        ) => USAGE,
        (error, _) if error.is_network() => NETWORK,
        _ => FAILURE,
    }
}

/// What to do about it, where the error itself does not say.
pub(crate) fn advice(error: &ClientError) -> Option<&'static str> {
    Some(match (error, error.code()) {
        (ClientError::Unreachable { .. }, _) => {
            "Start one with `saggar serve APP`, or name another address with --url or SAGGAR_URL."
        }
        (ClientError::TlsFailed { .. }, _) => {
            "Is it http rather than https? Otherwise the system must trust its certificate."
        }
        (ClientError::NotSaggar { .. }, _) => "Name the host's own address with --url or SAGGAR_URL.",
        (ClientError::ConnectionLost { .. }, _) => {
            "Whether the host did what it was asked for is not known; look with `saggar get` or `saggar list`."
        }
        (_, Some("unauthorized")) => "Give a token of the host's in SAGGAR_TOKEN or with --token.",
        (_, Some("forbidden")) => "Give a token with that role in SAGGAR_TOKEN or with --token.",
        (_, Some("queue-full" | "keep-bytes-exceeded")) => "`saggar add --file` waits for room.",
        _ => return None,
    })
}

/// Tells on standard error that a connection is lost and found.
pub(crate) struct Connection {
    lost_at: Option<Instant>,
}

impl Connection {
    pub(crate) fn new() -> Self {
        Self { lost_at: None }
    }

    /// What to say of a loss, once until the connection is back.
    pub(crate) fn lost(&mut self, why: &str) -> Option<String> {
        let is_first = self.lost_at.is_none();
        self.lost_at.get_or_insert_with(Instant::now);
        is_first.then(|| format!("saggar: the connection is lost ({}); trying again", escaped(why)))
    }

    /// What to say when it is back.
    pub(crate) fn restored(&mut self) -> Option<String> {
        let lost_at = self.lost_at.take()?;
        Some(format!("saggar: connected again after {:.1} s", lost_at.elapsed().as_secs_f64()))
    }
}
