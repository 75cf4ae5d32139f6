//! The host's side of a tested call: records what the guest reports, logs and adds, and adds nothing.

use std::collections::BTreeMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use saggar::{JobId, LogLine, LogSource, Problem, Status, Timestamp};
use saggar_grant::KvGrant;
use saggar_job::{Clock, SystemClock};
use saggar_queue::{AddOptions, KvLimits, KvStore, LogBudget, MemoryStore};
use saggar_sandbox::{KvAnswer, KvOperation, Services, TaskJob};

/// Maximum number of added jobs that are kept of one call. Further ones are counted.
const MAX_KEPT: usize = 1_000;

/// The bounds of the key-value store of the tested calls, which are the defaults of a grant.
const KV_LIMITS: KvLimits = KvLimits { keys: KvGrant::DEFAULT_KEYS, bytes: KvGrant::DEFAULT_BYTES };

/// Maximum bytes of the texts of added jobs that are kept of one call.
const MAX_BYTES: usize = 16 << 20;

/// What a call did besides its answer.
#[derive(Debug, Default)]
pub(super) struct Recording {
    /// The last progress, if there was any.
    pub(super) progress: Option<(u64, u64, String)>,
    /// How often progress was reported.
    pub(super) reports: u64,
    /// The lines that a job's log would keep, cut to their maximum length.
    pub(super) log: Vec<(LogSource, String)>,
    log_budget: LogBudget,
    pub(super) added: Vec<AddedJob>,
    pub(super) dropped_jobs: u64,
    bytes: usize,
    keys: BTreeMap<(String, String), JobId>,
}

/// A job that the guest would have added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AddedJob {
    pub(super) id: JobId,
    pub(super) task: String,
    /// A JSON array.
    pub(super) args: String,
    pub(super) delay_ms: u64,
    /// The options of `tasks.add-with`, as JSON text.
    pub(super) options: Option<String>,
    /// What these options mean.
    given: AddOptions,
    /// Whether the guest cancelled it.
    pub(super) is_cancelled: bool,
}

impl AddedJob {
    /// Returns whether this is also the job with these arguments and options, if both have the same key. As in the host,
    /// delays and times do not count.
    fn is_same(&self, args: &str, given: &AddOptions) -> bool {
        saggar_json::is_same(&self.args, args)
            && self.given.priority.unwrap_or(0) == given.priority.unwrap_or(0)
            && self.given.unique == given.unique
    }
}

/// Records a call.
#[derive(Debug, Default)]
pub(super) struct CallRecorder(Mutex<Recording>, MemoryStore);

impl CallRecorder {
    /// Returns what was recorded since the last time.
    pub(super) fn take(&self) -> Recording {
        std::mem::take(&mut *self.0.lock())
    }
}

impl Recording {
    /// Returns how many lines a job's log would not keep.
    pub(super) fn dropped_lines(&self) -> usize {
        self.log_budget.dropped_lines
    }

    fn add(&mut self, task: &str, args: String, delay_ms: u64, options: Option<&str>) -> Result<JobId, Problem> {
        check_args(&args)?;
        let read = |options| AddOptions::read(options).map_err(|why| Problem::new("invalid-options", why));
        let given = options.map(read).transpose()?.unwrap_or_default();
        let delay_ms = given.delay_ms.unwrap_or(delay_ms);
        // As the host does it: a key belongs to one job of its task.
        let key = given.key.clone().map(|key| (task.to_owned(), key));
        if let Some(id) = key.as_ref().and_then(|key| self.keys.get(key)).copied() {
            let is_same = self.find(task, id)?.is_same(&args, &given);
            return if is_same { Ok(id) } else { Err(reused(&given, id)) };
        }
        let id = JobId(self.added.len() as u64 + self.dropped_jobs + 1);
        let bytes = task.len() + args.len() + options.map_or(0, str::len);
        if self.added.len() >= MAX_KEPT || self.bytes.saturating_add(bytes) > MAX_BYTES {
            self.dropped_jobs += 1;
            return Ok(id);
        }
        self.bytes += bytes;
        if let Some(key) = key {
            self.keys.insert(key, id);
        }
        let (task, options) = (task.to_owned(), options.map(str::to_owned));
        self.added.push(AddedJob { id, task, args, delay_ms, options, given, is_cancelled: false });
        Ok(id)
    }

    fn find(&mut self, task: &str, id: JobId) -> Result<&mut AddedJob, Problem> {
        let found = self.added.iter_mut().find(|job| job.task == task && job.id == id);
        found.ok_or_else(|| Problem::new("unknown-job", format!("this call has added no job {task}#{id}")))
    }
}

/// Checks that arguments are a JSON array, as the host does.
fn check_args(args: &str) -> Result<(), Problem> {
    let invalid = |why: String| Problem::new("invalid-args", why);
    saggar_json::items(args).map(drop).map_err(|error| invalid(format!("the arguments are not a JSON array: {error}")))
}

/// The problem of an addition whose key belongs to another job.
fn reused(given: &AddOptions, id: JobId) -> Problem {
    let key = given.key.as_deref().unwrap_or_default();
    let message = format!(
        "the key `{key}` belongs to job {id} of the task, which is a different job; a key identifies one job: add the same \
         job again, or choose another key"
    );
    Problem::new("key-reused", message)
}

#[async_trait]
impl Services for CallRecorder {
    fn progress(&self, current: u64, total: u64, message: &str) {
        let mut recording = self.0.lock();
        recording.reports += 1;
        recording.progress = Some((current, total, message.to_owned()));
    }

    fn log(&self, source: LogSource, text: &str) {
        let mut recording = self.0.lock();
        // The time is not shown.
        let mut line = LogLine { at: Timestamp(0), source, text: text.to_owned() };
        if recording.log_budget.admit(&mut line) {
            recording.log.push((source, line.text));
        }
    }

    fn is_cancelled(&self) -> bool {
        false
    }

    async fn cancelled(&self) {
        std::future::pending().await
    }

    async fn add(&self, task: &str, args: String, delay_ms: u64) -> Result<JobId, Problem> {
        self.0.lock().add(task, args, delay_ms, None)
    }

    async fn add_with(&self, task: &str, args: String, options: &str) -> Result<JobId, Problem> {
        self.0.lock().add(task, args, 0, Some(options))
    }

    async fn get(&self, task: &str, id: JobId) -> Result<TaskJob, Problem> {
        let mut recording = self.0.lock();
        let status = if recording.find(task, id)?.is_cancelled { Status::Failure } else { Status::Waiting };
        Ok(TaskJob { id, status, current: 0, total: 0, message: String::new(), response: None })
    }

    async fn cancel(&self, task: &str, id: JobId) -> Result<(), Problem> {
        let mut recording = self.0.lock();
        let job = recording.find(task, id)?;
        if job.is_cancelled {
            return Err(Problem::new("ended", format!("{task}#{id} has ended")));
        }
        job.is_cancelled = true;
        Ok(())
    }

    /// The key-value store is empty at first, and gone afterwards.
    async fn kv(&self, operation: KvOperation) -> Result<KvAnswer, Problem> {
        let answer = self.1.kv(&"test".into(), operation, KV_LIMITS, SystemClock.now()).await;
        answer.map_err(|error| Problem::new(error.code(), error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use saggar_queue::JobLog;

    use super::*;

    #[test]
    fn what_a_call_leaves_behind_is_bounded() {
        let recorder = CallRecorder::default();
        for number in 0..MAX_KEPT as u64 + 7 {
            recorder.0.lock().add("mail.send", format!("[{number}]"), 0, None).unwrap();
        }
        for _ in 0..JobLog::GUEST_LINES + 7 {
            recorder.log(LogSource::Stdout, "line");
        }
        recorder.log(LogSource::Stderr, &"x".repeat(MAX_BYTES + 1));
        let recording = recorder.take();
        assert_eq!((recording.log.len(), recording.dropped_lines()), (JobLog::GUEST_LINES, 8));
        assert_eq!((recording.added.len(), recording.dropped_jobs), (MAX_KEPT, 7));
        assert!(recorder.take().log.is_empty());

        for _ in 0..JobLog::GUEST_BYTES / JobLog::LINE_BYTES + 1 {
            recorder.log(LogSource::Stdout, &"x".repeat(JobLog::LINE_BYTES + 1));
        }
        let recording = recorder.take();
        assert_eq!((recording.log[0].1.len(), recording.dropped_lines()), (JobLog::LINE_BYTES, 1));
    }

    #[test]
    fn jobs_are_added_as_the_host_would() {
        let mut recording = Recording::default();
        let code = |added: Result<JobId, Problem>| added.unwrap_err().code;
        assert_eq!(code(recording.add("a", "{}".to_owned(), 0, None)), "invalid-args");
        assert_eq!(code(recording.add("a", "[".to_owned(), 0, None)), "invalid-args");
        assert_eq!(code(recording.add("a", "[]".to_owned(), 0, Some("[]"))), "invalid-options");
        assert_eq!(code(recording.add("a", "[]".to_owned(), 0, Some(r#"{"kee":"x"}"#))), "invalid-options");
        let keyed = |recording: &mut Recording, task: &str| {
            recording.add(task, "[1]".to_owned(), 0, Some(r#"{"key":"k"}"#)).unwrap()
        };
        let first = keyed(&mut recording, "a");
        assert_eq!(keyed(&mut recording, "a"), first);
        assert_ne!(keyed(&mut recording, "b"), first);
        assert_eq!(recording.added.len(), 2);
        let mut again = |args: &str, options: &str| recording.add("a", args.to_owned(), 0, Some(options));
        assert_eq!(again("[ 1 ]", r#"{"key":"k","delay_ms":7,"priority":0}"#).unwrap(), first, "delays do not count");
        assert_eq!(code(again("[1.0]", r#"{"key":"k"}"#)), "key-reused");
        assert_eq!(code(again("[1]", r#"{"key":"k","priority":1}"#)), "key-reused");
        assert_eq!(code(again("[1]", r#"{"key":"k","unique":{"by":"task"}}"#)), "key-reused");
        assert_eq!(recording.added.len(), 2, "nothing was added");
        recording.add("a", "[]".to_owned(), 0, Some(r#"{"delay_ms":5}"#)).unwrap();
        assert_eq!(recording.added[2].delay_ms, 5, "a delay counts in either way");
    }
}
