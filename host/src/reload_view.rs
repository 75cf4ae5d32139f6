//! Reloads as the HTTP service shows them.

use std::time::Duration;

use saggar_definition::{Diagnostic, Severity};
use saggar_queue::rfc3339;
use saggar_wire as wire;
use saggar_worker::TaskChanges;

use crate::reloads::{LastReload, ReloadError, ReloadStatus, Reloaded, TenantChanges};

/// Maximum problems in an answer.
const MAX_DIAGNOSTICS: usize = 100;

/// Maximum bytes of each text of a problem. Some texts repeat what is in the file.
const MAX_TEXT: usize = 1024;

/// Converts what a reload has changed.
pub(crate) fn reloaded(reloaded: &Reloaded) -> wire::Reloaded {
    let TaskChanges { added, changed, removed, unchanged } = reloaded.tasks.clone();
    wire::Reloaded {
        added,
        changed,
        removed,
        unchanged: unchanged as u64,
        plugins: reloaded.plugins.clone(),
        needs_restart: reloaded.needs_restart.clone(),
        warnings: diagnostics(&reloaded.warnings),
        duration_ms: milliseconds(reloaded.took),
        deployment: reloaded.deployment,
        tenants: reloaded.tenants.as_ref().map(tenants),
    }
}

fn tenants(tenants: &TenantChanges) -> wire::ReloadedTenants {
    let TenantChanges { added, changed, removed, failed } = tenants.clone();
    let failed = failed.into_iter().map(|(name, detail)| wire::FailedTenant { name, detail: truncated(&detail) });
    wire::ReloadedTenants { added, removed, changed, failed: failed.collect() }
}

/// Converts the state of reloads.
pub(crate) fn status(status: ReloadStatus) -> wire::ReloadStatus {
    wire::ReloadStatus {
        running: status.running,
        loaded_at: rfc3339::write(status.loaded_at),
        failed_reloads: status.failed,
        last: status.last.as_ref().map(last),
    }
}

fn last(LastReload { at, took, result }: &LastReload) -> wire::LastReload {
    let error = result.as_ref().err();
    wire::LastReload {
        at: rfc3339::write(*at),
        duration_ms: milliseconds(*took),
        changes: result.as_ref().ok().map(|changes| reloaded(changes)),
        detail: error.map(|error| detail(error)),
        problems: error.map(|error| diagnostics(error.problems())).unwrap_or_default(),
    }
}

/// Describes why a reload has failed, without the problems themselves.
pub(crate) fn detail(error: &ReloadError) -> String {
    match error {
        ReloadError::Problems(problems) => {
            let first = problems.iter().find(|problem| problem.severity == Severity::Error).map(Diagnostic::brief);
            let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
            let many = if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") };
            let first = first.unwrap_or_default();
            format!("the app has {many}, so the host runs the app that it loaded before; the first one: {first}")
        }
        other => other.to_string(),
    }
}

/// Converts the first problems.
pub(crate) fn diagnostics(problems: &[Diagnostic]) -> Vec<wire::Diagnostic> {
    problems.iter().take(MAX_DIAGNOSTICS).map(diagnostic).collect()
}

fn diagnostic(problem: &Diagnostic) -> wire::Diagnostic {
    let position = problem.location.position;
    wire::Diagnostic {
        severity: match problem.severity {
            Severity::Error => wire::Severity::Error,
            Severity::Warning => wire::Severity::Warning,
        },
        file: truncated(&problem.location.file),
        line: position.map(|at| at.line),
        column: position.map(|at| at.column),
        message: truncated(&problem.message),
        help: problem.help.as_deref().map(truncated),
    }
}

fn truncated(text: &str) -> String {
    match text.get(..text.floor_char_boundary(MAX_TEXT)) {
        Some(start) if start.len() < text.len() => format!("{start}…"),
        _ => text.to_owned(),
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
