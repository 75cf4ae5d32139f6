//! Adds jobs idempotently: each carries an idempotency key, so a retry after a lost connection does not add it twice.

use std::collections::VecDeque;

use reqwest::header::HeaderValue;
use saggar_wire::{AddAgain, AddBatch, AddJob, AddedJob, AddedJobs, BatchJob};

use crate::client::Client;
use crate::error::ClientError;
use crate::response::JsonBody;

/// Maximum jobs of a request. A host accepts ten times as many, but smaller steps show progress.
const MAX_JOBS: usize = 1_000;

/// Maximum bytes of arguments of a request with several jobs: a quarter of what a host accepts.
const MAX_BYTES: usize = 4 << 20;

/// Maximum length of a key.
const MAX_KEY: usize = 255;

/// Length of the suffix of a bulk key: a slash and the number of a job.
const MAX_NUMBER: usize = 1 + 20;

/// Creates a random key.
pub fn new_key() -> String {
    format!("{:032x}", fastrand::u128(..))
}

impl Client {
    /// Adds a job. Retries with the same key after a lost connection.
    pub async fn add(&self, task: &str, job: &AddJob, key: &str) -> Result<JsonBody<AddedJob>, ClientError> {
        let url = self.host_url.join(&["v1", "tasks", task, "jobs"])?;
        check_key(key, MAX_KEY)?;
        let key = HeaderValue::from_str(key).map_err(|_| ClientError::InvalidKey { most: MAX_KEY })?;
        self.with_retries(async || {
            let request = self.http.post(url.clone());
            self.send_json(request.header("idempotency-key", key.clone()).json(job)).await
        })
        .await
    }

    /// Adds a job with the arguments of another one, some of them replaced. If the task had a job with the key before, returns
    /// that one.
    pub async fn add_again(
        &self,
        task: &str,
        id: u64,
        again: &AddAgain,
        key: &str,
    ) -> Result<JsonBody<AddedJob>, ClientError> {
        let url = self.host_url.join(&["v1", "tasks", task, "jobs", &id.to_string(), "again"])?;
        check_key(key, MAX_KEY)?;
        let key = HeaderValue::from_str(key).map_err(|_| ClientError::InvalidKey { most: MAX_KEY })?;
        self.with_retries(async || {
            let request = self.http.post(url.clone());
            self.send_json(request.header("idempotency-key", key.clone()).json(again)).await
        })
        .await
    }

    /// Adds all jobs, or none, each with its key.
    async fn add_batch(&self, task: &str, batch: &AddBatch) -> Result<JsonBody<AddedJobs>, ClientError> {
        let url = self.host_url.join(&["v1", "tasks", task, "jobs", "batch"])?;
        self.with_retries(async || self.send_json(self.http.post(url.clone()).json(batch)).await).await
    }
}

/// Refuses a key that a host would not accept, or would change: it trims spaces around a header.
fn check_key(key: &str, most: usize) -> Result<(), ClientError> {
    let is_printable = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    let is_key = (1..=most).contains(&key.len()) && key.bytes().all(is_printable) && key.trim() == key;
    if is_key { Ok(()) } else { Err(ClientError::InvalidKey { most }) }
}

/// Adds many jobs to a task, in their order, in batches that fit the queue.
#[derive(Debug)]
pub struct BulkAdd<'a> {
    client: &'a Client,
    task: &'a str,
    key: String,
    /// Each with its line number.
    pending: VecDeque<(u64, BatchJob)>,
    /// Bytes of the arguments of all pending jobs.
    bytes: usize,
    /// Number of jobs that were pushed; the number of the next one.
    pushed: u64,
    /// How many jobs to send at once: fewer when the queue has little room.
    batch_size: usize,
}

impl<'a> BulkAdd<'a> {
    /// Creates a bulk add. Job number N (from 0) gets the key `KEY/N` unless it has its own key.
    pub fn new(client: &'a Client, task: &'a str, key: String) -> Result<Self, ClientError> {
        // With an empty key, the jobs of all files would get the same keys.
        check_key(&key, MAX_KEY - MAX_NUMBER)?;
        Ok(Self { client, task, key, pending: VecDeque::new(), bytes: 0, pushed: 0, batch_size: MAX_JOBS })
    }

    /// Appends the job that is on this line.
    pub fn push(&mut self, line: u64, job: BatchJob) {
        self.bytes += bytes(&job);
        let key = job.key.or_else(|| Some(format!("{}/{}", self.key, self.pushed)));
        self.pending.push_back((line, BatchJob { key, ..job }));
        self.pushed += 1;
    }

    /// Returns the line of the next job to add; `None` if no job is pending.
    pub fn next_line(&self) -> Option<u64> {
        self.pending.front().map(|(line, _)| *line)
    }

    /// Returns whether a request should be sent before more jobs are pushed.
    pub fn is_full(&self) -> bool {
        self.pending.len() >= MAX_JOBS || self.bytes >= MAX_BYTES
    }

    /// Adds the first jobs and returns which jobs they are; `None` if the queue has no room for any. If the host
    /// refuses a job, sends fewer until those before it are added; then the refusal is returned.
    pub async fn add_next(&mut self) -> Result<Option<Vec<AddedJob>>, ClientError> {
        loop {
            let jobs: Vec<BatchJob> = self.first().cloned().collect();
            let tried = jobs.len();
            match self.client.add_batch(self.task, &AddBatch { jobs }).await {
                Ok(added) => {
                    self.bytes -= self.pending.drain(..tried).map(|(_, job)| bytes(&job)).sum::<usize>();
                    self.batch_size = MAX_JOBS.min(self.batch_size * 2);
                    let AddedJobs { ids, new } = added.parse()?;
                    return Ok(Some(ids.into_iter().zip(new).map(|(id, new)| AddedJob { id, new }).collect()));
                }
                Err(error) if tried > 1 && fewer_may_fit(&error) => self.batch_size = tried / 2,
                Err(error) if is_full(&error) => return Ok(None),
                Err(error) => return Err(without_index(error)),
            }
        }
    }

    fn first(&self) -> impl Iterator<Item = &BatchJob> {
        let mut sum = 0;
        let fits = move |(at, job): &(usize, &BatchJob)| {
            sum += bytes(job);
            *at == 0 || sum <= MAX_BYTES
        };
        self.pending.iter().take(self.batch_size).map(|(_, job)| job).enumerate().take_while(fits).map(|(_, job)| job)
    }
}

/// Returns whether fewer jobs might be accepted.
fn fewer_may_fit(error: &ClientError) -> bool {
    is_full(error) || error.concerns_job()
}

/// Returns whether the queue has no room now, for jobs or for their bytes.
fn is_full(error: &ClientError) -> bool {
    matches!(error.code(), Some("queue-full" | "keep-bytes-exceeded"))
}

/// Removes the index of the job from a refusal, because the job is the only one of its request, and the line says more.
fn without_index(mut error: ClientError) -> ClientError {
    if let ClientError::Refused(problem) = &mut error
        && let Some(detail) = problem.detail.strip_prefix("job 0: ")
    {
        problem.detail = detail.to_owned();
    }
    error
}

fn bytes(job: &BatchJob) -> usize {
    job.args.as_deref().map_or(0, |args| args.get().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bulk_add_numbers_its_jobs_and_limits_the_bytes_of_a_request() {
        let client = Client::new("http://127.0.0.1:1", None).unwrap();
        let mut bulk = BulkAdd::new(&client, "mail.send", "k".to_owned()).unwrap();
        let large = serde_json::value::to_raw_value(&"x".repeat(MAX_BYTES / 2)).unwrap();
        let job = |args, key: Option<&str>| BatchJob {
            args,
            delay_ms: None,
            run_at: None,
            priority: None,
            unique: None,
            key: key.map(str::to_owned),
        };
        bulk.push(1, job(None, None));
        bulk.push(3, job(Some(large.clone()), Some("own")));
        assert!(!bulk.is_full());
        bulk.push(4, job(Some(large), None));
        assert!(bulk.is_full());
        let keys: Vec<_> = bulk.pending.iter().map(|(_, job)| job.key.as_deref()).collect();
        assert_eq!(keys, [Some("k/0"), Some("own"), Some("k/2")]);
        assert_eq!(bulk.first().count(), 2);
        assert_eq!((bulk.pending.len(), bulk.next_line()), (3, Some(1)));
    }

    #[test]
    fn a_bulk_key_leaves_room_for_its_suffix() {
        let client = Client::new("http://127.0.0.1:1", None).unwrap();
        let bulk = |key: &str| BulkAdd::new(&client, "mail.send", key.to_owned());
        let longest = MAX_KEY - format!("/{}", u64::MAX).len();
        assert!(bulk(&"k".repeat(longest)).is_ok() && bulk("a b").is_ok());
        for bad in ["", " ", " a", "a ", "ü", &"k".repeat(longest + 1)] {
            assert!(matches!(bulk(bad), Err(ClientError::InvalidKey { .. })), "{bad}");
        }
    }
}
