//! Shows jobs and logs on a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use saggar::{LogLevel, LogLine, LogSource};

use super::output;

/// Prints escaped text and a line end to standard output. A full disk is an error; a closed pipe is not.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    let lines = text.split('\n').map(saggar_sandbox::escaped);
    let text = lines.collect::<Vec<_>>().join("\n");
    output::write(&format!("{text}\n")).map(drop)
}

/// Describes a failure: reason, attempt, and code and message of the problem.
pub(crate) fn failure(reason: &str, attempt: u32, max_attempts: u32, problem: Option<(&str, &str)>) -> String {
    let how = format!("FAILURE ({reason}, attempt {attempt} of {max_attempts})");
    match problem {
        Some((code, message)) => format!("{how}: {code}: {message}"),
        None => how,
    }
}

/// Creates a progress bar for one job, which is drawn only on a terminal.
pub(crate) fn progress_bar() -> ProgressBar {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{spinner} {bar:30} {pos}/{len} {wide_msg}");
    let bar = ProgressBar::with_draw_target(Some(0), target);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Shows the progress of a job on a bar.
pub(crate) fn progress(bar: &ProgressBar, current: u64, total: u64, message: &str) {
    bar.set_length(total);
    bar.set_position(current);
    bar.set_message(saggar_sandbox::escaped(message).replace('\t', " "));
}

/// Prints a job's log to standard error.
pub(crate) fn log(lines: &[LogLine]) {
    for line in lines {
        say!("  {:<6} | {}", source(line.source), line.text);
    }
}

/// Returns the name of a log line's source.
pub(crate) fn source(source: LogSource) -> &'static str {
    match source {
        LogSource::Stdout => "stdout",
        LogSource::Stderr => "stderr",
        LogSource::Host => "host",
        LogSource::Log(LogLevel::Debug) => "debug",
        LogSource::Log(LogLevel::Info) => "info",
        LogSource::Log(LogLevel::Warn) => "warn",
        LogSource::Log(LogLevel::Error) => "error",
    }
}
