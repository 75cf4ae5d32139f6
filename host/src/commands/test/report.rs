//! The report of calls, for people and as JSON.

use std::time::Duration;

use saggar::{LogSource, Problem};
use saggar_sandbox::{Answer, CallError};
use serde_json::{Value, json};

use super::call::CallRecord;
use super::limits::CallLimits;
use super::recorder::{AddedJob, Recording};
use crate::cli::author::Test;
use crate::commands::{output, show};

pub(super) fn print(args: &Test, limits: &CallLimits, record: &CallRecord) -> anyhow::Result<()> {
    if args.json {
        let mut document = document(args, record);
        document["limits"] = limits.document(args.role);
        return output::json(&document.to_string()).map(drop);
    }
    print_recording(&record.recording);
    match &record.report.result {
        Ok(answer) => {
            output::json(&answer_text(answer))?;
        }
        Err(error) => say!("{}", error_text(error)),
    }
    say!("{}", costs(record));
    if args.repeat.is_some() {
        say!("{}", statistics(record));
    }
    say!("{}", limits.describe(args.role));
    Ok(())
}

/// Prints what the call did besides its answer to standard error.
fn print_recording(recording: &Recording) {
    for (source, text) in &recording.log {
        say!("  {:<8} | {text}", source_name(*source));
    }
    if recording.dropped_lines() > 0 {
        say!("  {:<8} | and {} more lines, which a job's log would not keep", "host", recording.dropped_lines());
    }
    if let Some((current, total, message)) = &recording.progress {
        let times = if recording.reports == 1 { String::new() } else { format!(" ({} reports)", recording.reports) };
        say!("  progress | {current}/{total} {message}{times}");
    }
    for job in &recording.added {
        say!("  would add | {}", added_text(job));
    }
    if recording.dropped_jobs > 0 {
        say!("  would add | and {} more jobs", recording.dropped_jobs);
    }
}

fn added_text(job: &AddedJob) -> String {
    let delay = if job.delay_ms == 0 { String::new() } else { format!(" after {} ms", job.delay_ms) };
    let options = job.options.as_ref().map(|options| format!(" with {options}")).unwrap_or_default();
    let cancelled = if job.is_cancelled { ", then cancel it" } else { "" };
    let text = format!("{} {}{delay}{options}{cancelled}", job.task, job.args);
    saggar_sandbox::escaped(&text).into_owned()
}

/// Returns the name of a log line's source.
pub(super) fn source_name(source: LogSource) -> &'static str {
    show::source(source)
}

/// Returns an answer as JSON text.
pub(super) fn answer_text(answer: &Answer) -> String {
    match answer {
        Answer::Response(json) => json.to_string(),
        Answer::Id(Some(id)) => id.0.to_string(),
        Answer::Id(None) | Answer::Done => "null".to_owned(),
    }
}

/// Returns why a call failed.
pub(super) fn error_text(error: &CallError) -> String {
    let Problem { code, message, details } = error.problem();
    let reason = reason(error);
    let details = details.as_ref().map(|details| format!("\n  details: {details}")).unwrap_or_default();
    let text = format!("FAILURE ({reason}): {code}: {message}{details}");
    text.split('\n').map(saggar_sandbox::escaped).collect::<Vec<_>>().join("\n")
}

pub(super) fn reason(error: &CallError) -> &'static str {
    match error {
        CallError::Failed(failure) => failure.kind.name(),
        CallError::NoCapacity(_) => "no-capacity",
    }
}

/// Returns what the calls cost on one line.
fn costs(record: &CallRecord) -> String {
    let mut parts = Vec::new();
    if let (Some(fresh), Some(instantiation)) = (middle(&record.fresh), middle(&record.instantiations)) {
        parts.push(format!("fresh {} (instantiation {})", time_text(fresh), time_text(instantiation)));
    }
    parts.push(format!("call {}", time_text(middle(&record.durations).unwrap_or_default())));
    parts.push(format!("CPU {}", time_text(record.cpu)));
    parts.push(bytes_text(record.peak_memory));
    let used: Vec<_> = used_imports(record);
    let used = if used.is_empty() { "none".to_owned() } else { used.join(", ") };
    parts.push(format!("imports used: {used}"));
    parts.join(" · ")
}

/// Returns the interfaces that the guest used, with the streams that it printed to.
fn used_imports(record: &CallRecord) -> Vec<&'static str> {
    let mut used: Vec<_> = record.used_imports.names().collect();
    for (source, name) in [(LogSource::Stdout, "stdout"), (LogSource::Stderr, "stderr")] {
        if record.recording.log.iter().any(|(of, _)| *of == source) {
            used.push(name);
        }
    }
    used
}

fn statistics(record: &CallRecord) -> String {
    let mut sorted = record.durations.clone();
    sorted.sort_unstable();
    let at = |share: f64| time_text(quantile(&sorted, share));
    format!(
        "{} calls, {} failed, {} instances: min {}, median {}, p99 {}, max {}",
        sorted.len(),
        record.failures,
        record.fresh.len(),
        at(0.0),
        at(0.5),
        at(0.99),
        at(1.0)
    )
}

fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at).or(sorted.last()).copied().unwrap_or_default()
}

fn middle(times: &[Duration]) -> Option<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

/// Formats a duration with two or three digits: `54 µs`, `1.2 ms`, `3.4 s`.
pub(super) fn time_text(time: Duration) -> String {
    let us = time.as_secs_f64() * 1e6;
    match us {
        _ if us < 10.0 => format!("{us:.1} µs"),
        _ if us < 1_000.0 => format!("{us:.0} µs"),
        _ if us < 1_000_000.0 => format!("{:.1} ms", us / 1e3),
        _ => format!("{:.1} s", us / 1e6),
    }
}

fn bytes_text(bytes: u64) -> String {
    let kib = bytes as f64 / 1024.0;
    if kib < 10_240.0 { format!("{kib:.0} KiB") } else { format!("{:.1} MiB", kib / 1024.0) }
}

fn document(args: &Test, record: &CallRecord) -> Value {
    let CallRecord { report, recording, .. } = record;
    let us = |time: Duration| time.as_secs_f64() * 1e6;
    let mut document = json!({
        "target": args.target,
        "status": if record.failed() { "FAILURE" } else { "SUCCESS" },
        "logs": recording.log.iter().map(|(source, text)| json!({ "source": source_name(*source), "text": text }))
            .collect::<Vec<_>>(),
        "dropped_logs": recording.dropped_lines(),
        "progress": recording.progress.as_ref().map(|(current, total, message)| {
            json!({ "current": current, "total": total, "message": message, "reports": recording.reports })
        }),
        "adds": recording.added.iter().map(added_document).collect::<Vec<_>>(),
        "dropped_adds": recording.dropped_jobs,
        "fresh_us": middle(&record.fresh).map(us),
        "instantiation_us": middle(&record.instantiations).map(us),
        "call_us": middle(&record.durations).map(us),
        "cpu_us": us(record.cpu),
        "peak_memory_bytes": record.peak_memory,
        "imports_used": used_imports(record),
    });
    match &report.result {
        Ok(answer) => document["response"] = raw(&answer_text(answer)),
        Err(error) => {
            let Problem { code, message, details } = error.problem();
            document["reason"] = reason(error).into();
            document["problem"] = json!({ "code": code, "message": message });
            if let Some(details) = details {
                document["problem"]["details"] = raw(details);
            }
        }
    }
    if args.repeat.is_some() {
        let mut sorted = record.durations.clone();
        sorted.sort_unstable();
        let at = |share: f64| us(quantile(&sorted, share));
        document["repeat"] = json!({
            "calls": sorted.len(), "failed": record.failures, "instances": record.fresh.len(),
            "call_us": { "min": at(0.0), "p50": at(0.5), "p99": at(0.99), "max": at(1.0) },
        });
    }
    document
}

fn added_document(job: &AddedJob) -> Value {
    let mut document = json!({ "task": job.task, "args": raw(&job.args) });
    if job.delay_ms > 0 {
        document["delay_ms"] = job.delay_ms.into();
    }
    if let Some(options) = &job.options {
        document["options"] = raw(options);
    }
    if job.is_cancelled {
        document["cancelled"] = true.into();
    }
    document
}

/// Returns JSON text as a value; as a text if it is not valid, which only details of a problem can be.
fn raw(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_fitting_unit() {
        let text = |us: u64| time_text(Duration::from_micros(us));
        assert_eq!([text(5), text(54), text(1_234), text(3_400_000)], ["5.0 µs", "54 µs", "1.2 ms", "3.4 s"]);
        assert_eq!((bytes_text(660_480), bytes_text(13_316_915)), ("645 KiB".into(), "12.7 MiB".into()));
    }
}
