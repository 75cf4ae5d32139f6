//! A task's effective definition as text, the same for `check` and `tasks`.

use std::time::Duration;

use saggar_wire::{Definition, Directory, Retry};

use super::output::name;

/// Returns each key of the task file with its value, in the order of the documentation. Omits keys without a value.
pub(super) fn rows(definition: &Definition) -> Vec<(&'static str, String)> {
    let Definition { event, sandbox, retention, .. } = definition;
    let list = |texts: &[String]| Some(texts.join(", ")).filter(|text| !text.is_empty());
    let dir = |dir: &Directory| format!("{}{}", dir.path, if dir.write { " (write)" } else { "" });
    let rows = [
        ("file", Some(definition.file.clone())),
        ("process", Some(definition.process.clone())),
        ("worker_nums", Some(definition.worker_nums.to_string())),
        ("size", Some(format!("{} jobs ready or on hold", definition.size))),
        ("delayed_size", Some(format!("{} delayed jobs and retries", definition.delayed_size))),
        ("keep_bytes", Some(bytes(definition.keep_bytes))),
        ("timeout", Some(time(definition.timeout_ms))),
        ("attempts", Some(retries(&definition.retry))),
        ("event.next", event.next.clone()),
        ("event.add", event.add.clone()),
        ("event.progress", event.progress.clone()),
        ("event.success", event.success.clone()),
        ("event.error", event.error.clone()),
        ("sandbox.memory", Some(bytes(sandbox.memory_bytes))),
        ("sandbox.reuse", Some(format!("{} calls per instance", sandbox.reuse))),
        ("sandbox.event_timeout", Some(time(sandbox.event_timeout_ms))),
        ("sandbox.http", list(&sandbox.http)),
        ("sandbox.env", list(&sandbox.env)),
        ("sandbox.dirs", list(&sandbox.dirs.iter().map(dir).collect::<Vec<_>>())),
        ("retention", Some(format!("success {}, failure {}", time(retention.success_ms), time(retention.failure_ms)))),
    ];
    rows.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

fn retries(retry: &Retry) -> String {
    if retry.attempts == 0 {
        return "no retries".to_owned();
    }
    let (after, backoff, most) = (time(retry.delay_ms), name(&retry.backoff), time(retry.max_delay_ms));
    let jitter = retry.jitter * 100.0;
    format!("{} retries after {after}, {backoff}, at most {most}, jitter {jitter} %", retry.attempts)
}

fn time(ms: u64) -> String {
    humantime::format_duration(Duration::from_millis(ms)).to_string()
}

/// Formats a number of bytes in the largest unit that needs no fraction.
fn bytes(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let whole = units.into_iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit));
    whole.map_or_else(|| format!("{bytes} bytes"), |(unit, name)| format!("{} {name}", bytes / unit))
}
