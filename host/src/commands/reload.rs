//! `saggar reload`: makes a host load its app again, and shows what has changed or what is wrong with the app.

use std::time::Duration;

use saggar_client::{Client, ClientError, JsonBody, ReloadAnswer};
use saggar_wire::{Diagnostic, FailedTenant, LastReload, ReloadStatus, Reloaded, ReloadedTenants, Severity};

use super::output::{self, cell};
use super::{FAILURE, client};
use crate::cli::client::Reload;

/// How often to look whether a reload that takes long has ended.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) async fn run(args: Reload) -> anyhow::Result<u8> {
    let (client, as_json) = (client::connect(&args.host)?, args.host.json);
    if args.status {
        let status = client.reload_status().await?;
        if as_json {
            output::json(status.text())?;
        } else {
            print_status(&status.parse()?)?;
        }
        return Ok(0);
    }
    let answer = client.reload().await;
    finish(&client, answer, as_json).await
}

/// Prints what a reload or a rollback has changed, or why it has changed nothing. Waits for one that takes long.
pub(crate) async fn finish(
    client: &Client,
    answer: Result<ReloadAnswer, ClientError>,
    as_json: bool,
) -> anyhow::Result<u8> {
    match answer {
        Ok(ReloadAnswer::Reloaded(body)) if as_json => output::json(body.text()).map(|_| 0),
        Ok(ReloadAnswer::Reloaded(body)) => print_changes(&body.parse()?).map(|()| 0),
        Ok(ReloadAnswer::Running(status)) => wait(client, status, as_json).await,
        Err(error) => {
            if let (ClientError::Refused(problem), false) = (&error, as_json) {
                print_problems(&problem.problems);
            }
            Err(error.into())
        }
    }
}

/// Waits for the end of a reload that takes long; prints its result.
async fn wait(client: &Client, mut status: JsonBody<ReloadStatus>, as_json: bool) -> anyhow::Result<u8> {
    say!("saggar: the reload takes long, probably because it compiles plugins; waiting for its end");
    while status.parse()?.running {
        tokio::time::sleep(POLL_INTERVAL).await;
        status = client.reload_status().await?;
    }
    let Some(last) = status.parse()?.last else { anyhow::bail!("the host was restarted during the reload") };
    if as_json {
        output::json(&serde_json::to_string(&last)?)?;
        return Ok(if last.changes.is_some() { 0 } else { FAILURE });
    }
    match last {
        LastReload { changes: Some(changes), .. } => print_changes(&changes).map(|()| 0),
        LastReload { detail, problems, .. } => {
            print_problems(&problems);
            say!("saggar: {}", cell(&detail.unwrap_or_default()));
            Ok(FAILURE)
        }
    }
}

fn print_status(status: &ReloadStatus) -> anyhow::Result<()> {
    output::line(&format!("loaded at       {}", status.loaded_at))?;
    output::line(&format!("failed reloads  {}", status.failed_reloads))?;
    let Some(last) = &status.last else { return Ok(()) };
    let result = last.detail.as_deref().unwrap_or("succeeded");
    output::line(&format!("last reload     {}: {}", last.at, cell(result)))?;
    print_problems(&last.problems);
    Ok(())
}

/// Prints one line for each kind of change.
fn print_changes(changes: &Reloaded) -> anyhow::Result<()> {
    let Reloaded { added, changed, removed, unchanged, plugins, .. } = changes;
    let Reloaded { needs_restart, warnings, duration_ms, deployment, tenants, .. } = changes;
    print_problems(warnings);
    output::line(&format!("reloaded in {duration_ms} ms; {unchanged} tasks unchanged"))?;
    let kinds = [
        ("added", added),
        ("changed", changed),
        ("removed", removed),
        ("new plugins", plugins),
        ("needs a restart", needs_restart),
    ];
    for (what, names) in kinds.into_iter().filter(|(_, names)| !names.is_empty()) {
        output::line(&format!("{what}: {}", cell(&names.join(" "))))?;
    }
    if let Some(number) = deployment {
        output::line(&format!("deployment: {number}"))?;
    }
    tenants.as_ref().map_or(Ok(()), print_tenants)
}

fn print_tenants(tenants: &ReloadedTenants) -> anyhow::Result<()> {
    let ReloadedTenants { added, removed, changed, failed } = tenants;
    let kinds = [("added tenants", added), ("changed tenants", changed), ("removed tenants", removed)];
    for (what, names) in kinds.into_iter().filter(|(_, names)| !names.is_empty()) {
        output::line(&format!("{what}: {}", cell(&names.join(" "))))?;
    }
    for FailedTenant { name, detail } in failed {
        say!("saggar: the app of the tenant {} was not reloaded: {}", cell(name), cell(detail));
    }
    Ok(())
}

fn print_problems(problems: &[Diagnostic]) {
    for Diagnostic { severity, file, line, column, message, help } in problems {
        let place = match (line, column) {
            (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
            _ => file.clone(),
        };
        let severity = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        say!("{severity}: {}: {}", cell(&place), cell(message));
        if let Some(help) = help {
            say!("  help: {}", cell(help));
        }
    }
}
