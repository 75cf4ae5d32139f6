//! Requests about jobs: looking up, listing, waiting and changing.

use std::time::Duration;

use reqwest::Url;
use saggar_wire::{
    Attempts, FailureQuery, FailureStacks, Failures, Job, JobCount, Jobs, ListQuery, Logs, Records, RecordsQuery,
    Status,
};
use serde::Deserialize;
use tokio::time::Instant;

use crate::client::Client;
use crate::error::ClientError;
use crate::response::JsonBody;

/// How long one request waits for a job's end; common proxies allow this.
const WAIT_PER_REQUEST: Duration = Duration::from_secs(30);

/// Pause after a wait that returned early, as it does while a host stops.
const SHORT_WAIT_PAUSE: Duration = Duration::from_millis(500);

/// The status of a job; other members are ignored.
#[derive(Deserialize)]
struct JobStatus {
    status: Status,
}

impl Client {
    /// Looks up a job.
    pub async fn get(&self, task: &str, id: u64) -> Result<JsonBody<Job>, ClientError> {
        let url = self.job(task, id, None)?;
        self.with_retries(async || self.send_json(self.http.get(url.clone())).await).await
    }

    /// Looks up a job with its explanation: why it waits, or what its running attempt is bound by.
    pub async fn explain(&self, task: &str, id: u64) -> Result<JsonBody<Job>, ClientError> {
        let url = self.job(task, id, None)?;
        let query = [("explain", "true")];
        self.with_retries(async || self.send_json(self.http.get(url.clone()).query(&query)).await).await
    }

    /// Waits until a job has ended; survives restarts of the host.
    pub async fn wait(&self, task: &str, id: u64) -> Result<JsonBody<Job>, ClientError> {
        let url = self.job(task, id, None)?;
        let wait = [("wait", format!("{}s", WAIT_PER_REQUEST.as_secs()))];
        loop {
            let began = Instant::now();
            let answer: JsonBody<Job> =
                self.with_retries(async || self.send_json(self.http.get(url.clone()).query(&wait)).await).await?;
            let JobStatus { status } = serde_json::from_str(answer.text()).map_err(ClientError::InvalidResponse)?;
            if matches!(status, Status::Success | Status::Failure) {
                return Ok(answer);
            }
            if began.elapsed() < WAIT_PER_REQUEST {
                tokio::time::sleep(SHORT_WAIT_PAUSE).await;
            }
        }
    }

    /// Returns a page of the jobs of a task, or of all tasks.
    pub async fn list(&self, task: Option<&str>, query: &ListQuery) -> Result<JsonBody<Jobs>, ClientError> {
        let url = match task {
            Some(task) => self.host_url.join(&["v1", "tasks", task, "jobs"])?,
            None => self.host_url.join(&["v1", "jobs"])?,
        };
        self.with_retries(async || self.send_json(self.http.get(url.clone()).query(query)).await).await
    }

    /// Groups the jobs that have failed by the way they did.
    pub async fn failures(&self, query: &FailureQuery) -> Result<JsonBody<Failures>, ClientError> {
        let url = self.host_url.join(&["v1", "failures"])?;
        self.with_retries(async || self.send_json(self.http.get(url.clone()).query(query)).await).await
    }

    /// Counts the jobs that have failed by the functions in which they did.
    pub async fn failure_stacks(&self, query: &FailureQuery) -> Result<JsonBody<FailureStacks>, ClientError> {
        let url = self.host_url.join(&["v1", "failures", "flame"])?;
        self.with_retries(async || self.send_json(self.http.get(url.clone()).query(query)).await).await
    }

    /// Counts the jobs that a list would have, as far as the host looks at them.
    pub async fn count(&self, query: &ListQuery) -> Result<JsonBody<JobCount>, ClientError> {
        let url = self.host_url.join(&["v1", "jobs", "count"])?;
        self.with_retries(async || self.send_json(self.http.get(url.clone()).query(query)).await).await
    }

    /// Returns a job's log.
    pub async fn logs(&self, task: &str, id: u64) -> Result<JsonBody<Logs>, ClientError> {
        let url = self.job(task, id, Some("logs"))?;
        self.with_retries(async || self.send_json(self.http.get(url.clone())).await).await
    }

    /// Returns the attempts of a job that have ended.
    pub async fn attempts(&self, task: &str, id: u64) -> Result<JsonBody<Attempts>, ClientError> {
        let url = self.job(task, id, Some("attempts"))?;
        self.with_retries(async || self.send_json(self.http.get(url.clone())).await).await
    }

    /// Returns a page of the records of attempts of a task, the last recorded first.
    pub async fn records(&self, task: &str, query: &RecordsQuery) -> Result<JsonBody<Records>, ClientError> {
        let url = self.host_url.join(&["v1", "tasks", task, "records"])?;
        self.with_retries(async || self.send_json(self.http.get(url.clone()).query(query)).await).await
    }

    /// Returns the record of an attempt, or with `None` that of the last attempt which was recorded.
    pub async fn record(&self, task: &str, id: u64, run: Option<u64>) -> Result<Vec<u8>, ClientError> {
        let url = self.job(task, id, Some("record"))?;
        let query: Vec<_> = run.map(|run| ("run", run)).into_iter().collect();
        let record = async || {
            let response = self.send(self.http.get(url.clone()).query(&query), "application/octet-stream").await?;
            response.bytes().await.map_err(|error| ClientError::from_request(self.url(), &error))
        };
        Ok(self.with_retries(record).await?.into())
    }

    /// Cancels a job; returns it afterwards.
    pub async fn cancel(&self, task: &str, id: u64) -> Result<JsonBody<Job>, ClientError> {
        self.send_json(self.http.post(self.job(task, id, Some("cancel"))?)).await
    }

    /// Runs an ended job again; returns it afterwards.
    pub async fn retry(&self, task: &str, id: u64) -> Result<JsonBody<Job>, ClientError> {
        self.send_json(self.http.post(self.job(task, id, Some("retry"))?)).await
    }

    /// Delivers given-up callbacks of an ended job again; returns the job afterwards.
    pub async fn redeliver(&self, task: &str, id: u64) -> Result<JsonBody<Job>, ClientError> {
        self.send_json(self.http.post(self.job(task, id, Some("redeliver"))?)).await
    }

    /// Deletes a job that does not run.
    pub async fn delete(&self, task: &str, id: u64) -> Result<(), ClientError> {
        self.send_empty(self.http.delete(self.job(task, id, None)?)).await
    }

    /// Returns the URL of a job, or of a path below it.
    pub(crate) fn job(&self, task: &str, id: u64, below: Option<&str>) -> Result<Url, ClientError> {
        let id = id.to_string();
        let mut parts = vec!["v1", "tasks", task, "jobs", &id];
        parts.extend(below);
        self.host_url.join(&parts)
    }
}
