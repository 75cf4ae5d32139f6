//! Code shared by the commands that talk to a host: connecting, errors with advice, exit codes.

use std::time::{Duration, Instant};

use saggar_client::{Client, ClientError};
use saggar_sandbox::escaped;
use saggar_wire::Code;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{FAILURE, INTERRUPTED, USAGE, output};
use super::{
    add, audit, capture, change, completions, deployments, failures, get, list, logs, openapi, plugins, pulse, reload,
    rollback, stats, tasks, tenants, watch,
};
use crate::cli::client::{ClientCommand, HostArgs};

/// Exit code: the host cannot be reached, or the connection was lost.
const NETWORK: u8 = 3;

/// How long a command may take to exit after Ctrl-C.
const EXIT_GRACE: Duration = Duration::from_secs(1);

pub(crate) async fn run(command: ClientCommand) -> anyhow::Result<u8> {
    let as_json = command.wants_json();
    let mut watchdog = JoinSet::new();
    watchdog.spawn(exit_on_interrupt());
    let done = tokio::select! {
        done = run_one(command) => done,
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| INTERRUPTED).map_err(Into::into),
    };
    reported(done, as_json)
}

/// Reports an error of a client, with advice; returns the exit code for it. Returns other errors.
pub(crate) fn reported(done: anyhow::Result<u8>, as_json: bool) -> anyhow::Result<u8> {
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

/// Returns the context that wraps a client's error.
fn outer_context(error: &anyhow::Error, of_client: &ClientError) -> String {
    let innermost = of_client.to_string();
    let outer = error.chain().map(ToString::to_string).take_while(|text| *text != innermost);
    outer.collect::<Vec<_>>().join(": ")
}

/// Formats an error on one line for programs: the host's problem document if it refused, otherwise `code` and `detail`.
/// `context` describes what was done before the error.
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

/// Exits the process after Ctrl-C if the command does not exit by itself, for example because a write to a slow reader
/// of its output blocks.
async fn exit_on_interrupt() {
    // If the handler cannot be installed, the command itself reports that.
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
        ClientCommand::Capture(args) => capture::run(args).await,
        ClientCommand::Cancel(args) => change::cancel(args).await,
        ClientCommand::Retry(args) => change::retry(args).await,
        ClientCommand::Redeliver(args) => change::redeliver(args).await,
        ClientCommand::Delete(args) => change::delete(args).await,
        ClientCommand::Pause(args) => change::pause(args).await,
        ClientCommand::Resume(args) => change::resume(args).await,
        ClientCommand::Reload(args) => reload::run(args).await,
        ClientCommand::Deployments(args) => deployments::run(args).await,
        ClientCommand::Rollback(args) => rollback::run(args).await,
        ClientCommand::Stats(args) => stats::run(args).await,
        ClientCommand::Pulse(args) => pulse::run(args).await,
        ClientCommand::Failures(args) => failures::run(args).await,
        ClientCommand::Plugins(args) => plugins::run(args).await,
        ClientCommand::Tasks(args) => tasks::run(args).await,
        ClientCommand::Tenants(args) => tenants::run(args).await,
        ClientCommand::Audit(args) => audit::run(args).await,
        ClientCommand::Openapi(_) => openapi::run(),
        ClientCommand::Completions(args) => completions::run(&args),
    }
}

/// Creates a client of the host that is given on the command line.
pub(crate) fn connect(args: &HostArgs) -> Result<Client, ClientError> {
    let token = args.token.as_deref().filter(|token| !token.is_empty());
    let client = Client::new(&args.url, token)?.with_retry_for(args.retry_for);
    match args.tenant.as_deref().filter(|tenant| !tenant.is_empty()) {
        Some(tenant) => client.with_tenant(tenant),
        None => Ok(client),
    }
}

pub(crate) fn exit_code(error: &ClientError) -> u8 {
    match (error, error.code().and_then(Code::from_name)) {
        (_, Some(code)) if code.is_wrong_usage() => USAGE,
        (
            ClientError::InvalidUrl { .. }
            | ClientError::InvalidToken
            | ClientError::InvalidKey { .. }
            | ClientError::InvalidTaskId(_)
            | ClientError::InvalidTenant(_),
            _,
        ) => USAGE,
        (error, _) if error.is_network() => NETWORK,
        _ => FAILURE,
    }
}

/// Returns what to do about the error, if the error itself does not say so.
pub(crate) fn advice(error: &ClientError) -> Option<&'static str> {
    Some(match (error, error.code()) {
        (ClientError::Unreachable { .. }, _) => {
            "Start one with `saggar serve APP`, or set another URL with --url or SAGGAR_URL."
        }
        (ClientError::TlsFailed { .. }, _) => {
            "Does the host use http instead of https? Otherwise the system must trust its certificate."
        }
        (ClientError::NotSaggar { .. }, _) => "Set the host's own URL with --url or SAGGAR_URL.",
        (ClientError::ConnectionLost { .. }, _) => {
            "It is unknown whether the host processed the request; check with `saggar get` or `saggar list`."
        }
        (_, Some("unauthorized")) => "Set a token of the host with SAGGAR_TOKEN or --token.",
        (_, Some("token-expired")) => "Set another token of the host with SAGGAR_TOKEN or --token.",
        (_, Some("tenant-required")) => "Name one with --tenant or SAGGAR_TENANT; `saggar tenants` lists them.",
        (_, Some("forbidden")) => "Set a token with that role with SAGGAR_TOKEN or --token.",
        (_, Some("unknown-deployment")) => "`saggar deployments` lists those that are recorded.",
        (_, Some("queue-full" | "keep-bytes-exceeded")) => "`saggar add --file` waits until there is room.",
        _ => return None,
    })
}

/// Reports on standard error when the connection is lost and restored.
pub(crate) struct Connection {
    lost_at: Option<Instant>,
}

impl Connection {
    pub(crate) fn new() -> Self {
        Self { lost_at: None }
    }

    /// Returns the message for a lost connection; `None` if it was reported and has not been restored since.
    pub(crate) fn lost(&mut self, why: &str) -> Option<String> {
        let is_first = self.lost_at.is_none();
        self.lost_at.get_or_insert_with(Instant::now);
        is_first.then(|| format!("saggar: lost the connection ({}); retrying", escaped(why)))
    }

    /// Returns the message for a restored connection; `None` if it was not lost.
    pub(crate) fn restored(&mut self) -> Option<String> {
        let lost_at = self.lost_at.take()?;
        Some(format!("saggar: reconnected after {:.1} s", lost_at.elapsed().as_secs_f64()))
    }
}
