//! Makes calls in a sandbox, and keeps what they did.

use std::sync::Arc;
use std::time::Duration;

use saggar::{JobId, Plugin};
use saggar_job::TaskKey;
use saggar_sandbox::{Call, Input, JobContext, Report, Sandbox, UsedImports};
use saggar_tenant::{Flow, Tenant};

use super::limits::CallLimits;
use super::recorder::{CallRecorder, Recording};

/// The id of the task that a tested call of a component belongs to, unless a task of an app names it.
const TASK: &str = "test";

/// A plugin in its sandbox.
pub(super) struct Subject {
    task: Arc<str>,
    max_attempts: u32,
    sandbox: Sandbox,
    recorder: Arc<CallRecorder>,
}

/// Calls to make.
#[derive(Debug, Clone)]
pub(super) struct Calls {
    pub(super) input: Input,
    pub(super) handler: Option<String>,
    pub(super) timeout: Duration,
    /// How many; `None` for one, without statistics.
    pub(super) times: Option<u32>,
}

/// What calls did.
#[derive(Debug)]
pub(super) struct CallRecord {
    /// The report of the last call, or of the first failed one.
    pub(super) report: Report,
    /// What that call did.
    pub(super) recording: Recording,
    /// The duration of each call that needed a new instance, with its instantiation.
    pub(super) fresh: Vec<Duration>,
    /// The duration of each instantiation.
    pub(super) instantiations: Vec<Duration>,
    /// The duration of each call, without its instantiation.
    pub(super) durations: Vec<Duration>,
    pub(super) failures: u32,
    pub(super) cpu: Duration,
    pub(super) peak_memory: u64,
    pub(super) used_imports: UsedImports,
}

impl CallRecord {
    pub(super) fn failed(&self) -> bool {
        self.failures > 0
    }

    fn count(&mut self, report: &Report) {
        if report.fresh {
            self.fresh.push(report.took);
            self.instantiations.push(report.instantiation);
        }
        self.durations.push(report.took.saturating_sub(report.instantiation));
        self.failures += u32::from(report.result.is_err());
        self.cpu += report.cpu;
        self.peak_memory = self.peak_memory.max(report.peak_memory);
        self.used_imports = self.used_imports.union(report.used_imports);
    }
}

impl Subject {
    pub(super) fn new(plugin: Plugin, limits: &CallLimits) -> Self {
        let (task, max_attempts) = match limits.task() {
            Some(task) => (task.id.as_str().into(), task.retry.max_attempts()),
            None => (task_of(&plugin), 1),
        };
        let flow = Flow::new(Tenant::new(TaskKey::DEFAULT_TENANT), Arc::clone(&task));
        let sandbox = Sandbox::new(plugin, limits.sandbox(), flow);
        Self { task, max_attempts, sandbox, recorder: Arc::default() }
    }

    /// Makes the calls one after the other.
    pub(super) async fn call_times(&mut self, calls: &Calls) -> CallRecord {
        let (first, recording) = self.call(calls).await;
        let mut record = CallRecord {
            fresh: Vec::new(),
            instantiations: Vec::new(),
            durations: Vec::new(),
            failures: 0,
            cpu: Duration::ZERO,
            peak_memory: 0,
            used_imports: UsedImports::default(),
            report: first.clone(),
            recording,
        };
        record.count(&first);
        for _ in 1..calls.times.unwrap_or(1) {
            let (report, recording) = self.call(calls).await;
            record.count(&report);
            let is_first_failure = report.result.is_err() && record.failures == 1;
            if !record.failed() || is_first_failure {
                (record.report, record.recording) = (report, recording);
            }
        }
        record
    }

    async fn call(&mut self, calls: &Calls) -> (Report, Recording) {
        let id = if matches!(calls.input, Input::Next) { 0 } else { 1 };
        let job = JobContext {
            id: JobId(id),
            task: self.task.clone(),
            attempt: u32::from(id != 0),
            max_attempts: self.max_attempts,
            handler: calls.handler.as_deref().map(Into::into),
            trace_parent: None,
        };
        let (input, services) = (calls.input.clone(), self.recorder.clone());
        let report = self.sandbox.call(Call { job, input, timeout: calls.timeout, services }).await;
        (report, self.recorder.take())
    }
}

/// Returns the id of the task that a call belongs to if no task of the app is known. A script names its task when it reports progress, and a task is usually
/// named like its script.
fn task_of(plugin: &Plugin) -> Arc<str> {
    let file = plugin.script().and_then(|_| plugin.path().to_str());
    match file.and_then(|file| file.strip_prefix("scripts/")?.rsplit_once('.')) {
        Some((name, _)) => name.replace('/', ".").into(),
        None => TASK.into(),
    }
}
