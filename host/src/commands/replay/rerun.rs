//! Makes the calls of a record again, and compares the last one with the record.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use saggar::Plugin;
use saggar_job::{JobId, Role, TaskKey};
use saggar_record::{Effects, Record, RecordedCall, Replay, ReplayMode, ReplayResult, Report as Progress};
use saggar_sandbox::{Answer, Call, CallError, Input, JobContext, Limits, Report, Sandbox, Stop};
use saggar_tenant::{Flow, Tenant};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::commands::show;

/// The least time that a call gets if the recorded one ended by itself: this machine may be slower.
const LEAST_TIMEOUT: Duration = Duration::from_secs(60);

/// How much longer than its timeout such a call may take.
const SLOWER: u32 = 10;

/// Texts in a difference are cut to this many characters.
const SHOWN_CHARS: usize = 500;

/// How the calls are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RerunOptions {
    pub(crate) mode: ReplayMode,
    pub(crate) timeout: Option<Duration>,
    /// Whether the memories are hashed after the last call, if the engine allows it.
    pub(crate) hashes_memory: bool,
}

/// Code that is run on a record, as a task runs it.
#[derive(Clone)]
pub(crate) struct RerunCode {
    pub(crate) plugin: Plugin,
    /// Bytes of all memories and tables together.
    pub(crate) memory: u64,
    /// The part of the reference after `#`, or the function of a script.
    pub(crate) handler: Option<Arc<str>>,
}

impl RerunCode {
    /// Runs `plugin` as the recorded task ran it.
    pub(crate) fn of_record(record: &Record, plugin: Plugin) -> Self {
        // The calls of an instance have the same handler.
        let handler = record.last_call().and_then(|call| call.header.handler.as_deref()).map(Into::into);
        Self { plugin, memory: record.header.memory, handler }
    }
}

/// What the last call did.
pub(crate) struct Rerun {
    pub(crate) report: Report,
    pub(crate) result: ReplayResult,
    mode: ReplayMode,
    /// Whether its instance had served the calls before it, as in the record.
    has_history: bool,
}

/// Makes all calls of a record in one instance.
pub(crate) async fn run(record: &Record, code: RerunCode, options: RerunOptions) -> anyhow::Result<Rerun> {
    let RerunCode { plugin, memory, handler } = code;
    plugin.check_role(Role::Processor)?;
    let task: Arc<str> = (&*record.header.task).into();
    let flow = Flow::new(Tenant::new(TaskKey::DEFAULT_TENANT), Arc::clone(&task));
    let sandbox = Sandbox::new(plugin, Limits { memory, reuse: u32::MAX }, flow);
    let mut calls = RepeatedCalls { sandbox, task, handler, options };
    let (last, earlier) = record.calls.split_last().context("the record has no call")?;
    let mut has_history = true;
    for (number, call) in (1..).zip(earlier) {
        let (_, result) = calls.make(call, None).await;
        if let Some(divergence) = result.divergence
            && options.mode == ReplayMode::Exact
        {
            bail!(
                "call {number} of the {} that the instance had served before the attempt is different: {divergence}",
                earlier.len()
            );
        }
        has_history &= calls.sandbox.is_warm();
    }
    if options.hashes_memory {
        calls.sandbox.hash_memory();
    }
    let (report, result) = calls.make(last, record.stop()).await;
    Ok(Rerun { report, result, mode: options.mode, has_history })
}

/// What makes calls again, one after the other.
struct RepeatedCalls {
    sandbox: Sandbox,
    task: Arc<str>,
    handler: Option<Arc<str>>,
    options: RerunOptions,
}

impl RepeatedCalls {
    async fn make(&mut self, call: &RecordedCall, stop: Option<Stop>) -> (Report, ReplayResult) {
        let header = &call.header;
        let recorded = Duration::from_millis(header.timeout_ms);
        let timeout = self.options.timeout.unwrap_or(match stop {
            Some(_) => recorded,
            None => recorded.saturating_mul(SLOWER).max(LEAST_TIMEOUT),
        });
        let job = JobContext {
            id: JobId(header.id),
            task: Arc::clone(&self.task),
            attempt: header.attempt,
            max_attempts: header.max_attempts,
            handler: self.handler.clone(),
            trace_parent: header.trace_parent.as_deref().map(Into::into),
        };
        let replay = Arc::new(Replay::new(call.clone(), stop, self.options.mode));
        let input = Input::Process { args: (&*header.args).into() };
        let report = self.sandbox.call(Call { job, input, timeout, services: replay.clone() }).await;
        (report, replay.result())
    }
}

impl Rerun {
    /// Returns the last report of progress.
    pub(crate) fn last_progress(&self) -> Option<&Progress> {
        last_progress(&self.result.effects)
    }

    /// Returns the response, or why the call failed.
    pub(crate) fn end_text(&self) -> String {
        match self.end() {
            Ok(response) => response.to_owned(),
            Err(failed) => failed.text(),
        }
    }

    pub(crate) fn end_document(&self) -> Value {
        match self.end() {
            Ok(response) => json!({ "response": serde_json::from_str::<Value>(response).unwrap_or_default() }),
            Err(Failed { kind, code, message, .. }) => {
                json!({ "reason": kind, "problem": { "code": code, "message": message } })
            }
        }
    }

    /// Returns the response, or how the call failed.
    pub(crate) fn end(&self) -> Result<&str, Failed<'_>> {
        match &self.report.result {
            Ok(Answer::Response(response)) => Ok(&**response),
            Ok(_) => Ok("null"),
            Err(error) => {
                let problem = error.problem();
                let kind = match error {
                    CallError::Failed(failure) => failure.kind.name(),
                    CallError::NoCapacity(_) => "no-capacity",
                };
                let details = problem.details.as_deref();
                Err(Failed { kind, code: &problem.code, message: &problem.message, details })
            }
        }
    }

    /// Returns how the call differs from the recorded one; empty if it does not.
    pub(crate) fn differences(&self, record: &Record) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(divergence) = &self.result.divergence {
            found.push(divergence.to_string());
        }
        if !self.has_history {
            found.push("the instance did not survive the calls before the attempt, as it did before".to_owned());
        }
        found.extend(self.end_difference(record));
        if let Some(call) = record.last_call() {
            found.extend(effects_differences(&call.effects, &self.result.effects));
        }
        let ended_by_itself = record.stop().is_none();
        if self.mode == ReplayMode::Exact && ended_by_itself && self.result.divergence.is_none() {
            if self.result.unasked > 0 {
                found.push(format!("{} questions of the record were not asked", self.result.unasked));
            }
            let (now, before) = (self.report.peak_memory, record.end.peak_memory);
            if now != before {
                found.push(format!("its memory is at most {now} bytes; it was {before}"));
            }
            if let (Some(now), Some(before)) = (self.report.memory_hash, record.end.memory_hash)
                && now != before
            {
                found.push("its memory has other content after the call".to_owned());
            }
        }
        found
    }

    /// Returns how a repetition of the call differs from it. The memories after both are the same unless the record lacks
    /// something that the guest depends on. A guest that was stopped may have been anywhere.
    pub(crate) fn differences_of_repetition(&self, again: &Self, record: &Record) -> Vec<String> {
        let mut found = Vec::new();
        if self.end() != again.end() && record.stop().is_none() {
            found.push(format!("a second replay ends with {}", cut(&again.end_text())));
        }
        if self.result != again.result && record.stop().is_none() {
            found.push("a second replay asks, logs or reports something else".to_owned());
        }
        if self.report.memory_hash != again.report.memory_hash && record.stop().is_none() {
            found.push("the memory has other content after a second replay".to_owned());
        }
        found
    }

    fn end_difference(&self, record: &Record) -> Option<String> {
        let recorded = record.end.result.as_ref().map(|response| &**response).map_err(|failed| Failed {
            kind: &failed.kind,
            code: &failed.problem.code,
            message: &failed.problem.message,
            details: failed.problem.details.as_deref(),
        });
        let now = self.end();
        let is_same = match (&recorded, &now) {
            (Ok(recorded), Ok(now)) => recorded == now,
            // Where a guest that computes is stopped depends on the machine.
            (Err(recorded), Err(now)) if record.stop().is_some() => recorded.kind == now.kind,
            (Err(recorded), Err(now)) => recorded == now,
            _ => false,
        };
        let text = |end: &Result<&str, Failed<'_>>| match end {
            Ok(response) => format!("the response {}", cut(response)),
            Err(failed) => cut(&failed.text()),
        };
        (!is_same).then(|| format!("it ends with {}; it ended with {}", text(&now), text(&recorded)))
    }
}

/// How a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed<'a> {
    pub(crate) kind: &'a str,
    pub(crate) code: &'a str,
    pub(crate) message: &'a str,
    details: Option<&'a str>,
}

impl Failed<'_> {
    pub(crate) fn text(&self) -> String {
        let Self { kind, code, message, details } = self;
        // Details are JSON, and are shown as such.
        let details = details.filter(|details| serde_json::from_str::<&RawValue>(details).is_ok());
        let details = details.map(|details| format!("\n  details: {details}")).unwrap_or_default();
        format!("FAILURE ({kind}): {code}: {message}{details}")
    }
}

fn last_progress(effects: &Effects) -> Option<&Progress> {
    effects.last_progress.as_ref().or(effects.progress.last())
}

fn effects_differences(recorded: &Effects, now: &Effects) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(at) = first_difference(&recorded.log, &now.log) {
        let line = |effects: &Effects| match effects.log.get(at) {
            Some((source, text)) => format!("`{}: {}`", show::source(*source), cut(text)),
            None => "missing".to_owned(),
        };
        found.push(format!("line {} of the log is {}; it was {}", at + 1, line(now), line(recorded)));
    }
    if let Some(at) = first_difference(&recorded.progress, &now.progress) {
        let report = |effects: &Effects| match effects.progress.get(at) {
            Some(Progress { current, total, message }) => format!("`{current}/{total} {}`", cut(message)),
            None => "missing".to_owned(),
        };
        found.push(format!("report {} of progress is {}; it was {}", at + 1, report(now), report(recorded)));
    } else if last_progress(recorded) != last_progress(now) {
        found.push("the last report of progress is different".to_owned());
    }
    found
}

/// Returns the position of the first item that differs; `None` if both are equal.
fn first_difference<T: PartialEq>(a: &[T], b: &[T]) -> Option<usize> {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    (same < a.len().max(b.len())).then_some(same)
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}
