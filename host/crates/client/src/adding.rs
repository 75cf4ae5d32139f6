//! Adding jobs, so that no cut connection doubles one: each has a key, by which the host knows it when it comes again.

use std::collections::VecDeque;

use reqwest::Method;
use reqwest::header::HeaderValue;
use saggar_api::wire::{AddBatch, AddJob, AddedJob, AddedJobs, BatchJob};

use crate::answer::Answer;
use crate::client::Client;
use crate::error::ClientError;

/// The most jobs of a request. A host takes ten times as many, but nobody wants to see so few steps.
const MAX_JOBS: usize = 1_000;

/// Bytes of arguments beyond which a request takes no further job: a quarter of what a host takes.
const MAX_BYTES: usize = 4 << 20;

/// A key that nobody else has.
pub fn new_key() -> String {
    format!("{:032x}", fastrand::u128(..))
}

impl Client {
    /// Adds a job. The same key again answers the same job; so it is asked again when the connection is lost.
    pub async fn add(&self, task: &str, job: &AddJob, key: &str) -> Result<Answer<AddedJob>, ClientError> {
        let url = self.route(&["v1", "tasks", task, "jobs"])?;
        let is_key = (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        let key = HeaderValue::from_str(key).ok().filter(|_| is_key).ok_or(ClientError::BadKey)?;
        self.persist(async || {
            let request = self.request(Method::POST, url.clone());
            self.ask(request.header("idempotency-key", key.clone()).json(job)).await
        })
        .await
    }

    /// Adds jobs, all or none, each under its key.
    async fn add_batch(&self, task: &str, batch: &AddBatch) -> Result<Answer<AddedJobs>, ClientError> {
        let url = self.route(&["v1", "tasks", task, "jobs", "batch"])?;
        self.persist(async || self.ask(self.request(Method::POST, url.clone()).json(batch)).await).await
    }
}

/// Jobs on their way to a task, in their order and in batches that the task has room for.
#[derive(Debug)]
pub struct Feed<'a> {
    client: &'a Client,
    task: &'a str,
    key: String,
    waiting: VecDeque<BatchJob>,
    /// Bytes of the arguments of those that wait.
    bytes: usize,
    /// How many were pushed; the number of the next one.
    pushed: u64,
    /// How many to try at once: fewer when the task has little room.
    most: usize,
}

impl<'a> Feed<'a> {
    /// A feed in which job number N (from 0) has the key `KEY/N` unless it has one of its own.
    pub fn new(client: &'a Client, task: &'a str, key: String) -> Self {
        Self { client, task, key, waiting: VecDeque::new(), bytes: 0, pushed: 0, most: MAX_JOBS }
    }

    /// Puts a job at the end.
    pub fn push(&mut self, job: BatchJob) {
        self.bytes += bytes(&job);
        let key = job.key.or_else(|| Some(format!("{}/{}", self.key, self.pushed)));
        self.waiting.push_back(BatchJob { key, ..job });
        self.pushed += 1;
    }

    /// How many have not been added yet.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether a request should not wait for further jobs.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_JOBS || self.bytes >= MAX_BYTES
    }

    /// Adds the first ones and answers their ids; none if the task has no room for a single one.
    pub async fn add_some(&mut self) -> Result<Option<Vec<u64>>, ClientError> {
        loop {
            let jobs: Vec<BatchJob> = self.first().cloned().collect();
            let tried = jobs.len();
            match self.client.add_batch(self.task, &AddBatch { jobs }).await {
                Ok(added) => {
                    self.bytes -= self.waiting.drain(..tried).map(|job| bytes(&job)).sum::<usize>();
                    self.most = MAX_JOBS.min(self.most * 2);
                    return Ok(Some(added.read()?.ids));
                }
                Err(error) if error.code() == Some("queue-full") && tried > 1 => self.most = tried / 2,
                Err(error) if error.code() == Some("queue-full") => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn first(&self) -> impl Iterator<Item = &BatchJob> {
        let mut sum = 0;
        let fits = move |(at, job): &(usize, &BatchJob)| {
            sum += bytes(job);
            *at == 0 || sum <= MAX_BYTES
        };
        self.waiting.iter().take(self.most).enumerate().take_while(fits).map(|(_, job)| job)
    }
}

fn bytes(job: &BatchJob) -> usize {
    job.args.as_deref().map_or(0, |args| args.get().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_numbers_its_jobs_and_bounds_what_it_sends_at_once() {
        let client = Client::new("http://127.0.0.1:1", None).unwrap();
        let mut feed = Feed::new(&client, "mail.send", "k".to_owned());
        let large = serde_json::value::to_raw_value(&"x".repeat(MAX_BYTES / 2)).unwrap();
        let job = |args, key: Option<&str>| BatchJob {
            args,
            delay_ms: None,
            run_at: None,
            priority: None,
            unique: None,
            key: key.map(str::to_owned),
        };
        feed.push(job(None, None));
        feed.push(job(Some(large.clone()), Some("own")));
        assert!(!feed.is_full());
        feed.push(job(Some(large), None));
        assert!(feed.is_full());
        let keys: Vec<_> = feed.waiting.iter().map(|job| job.key.as_deref()).collect();
        assert_eq!(keys, [Some("k/0"), Some("own"), Some("k/2")]);
        assert_eq!(feed.first().count(), 2);
        assert_eq!(feed.waiting(), 3);
    }
}
