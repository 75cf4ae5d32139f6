//! Asking for jobs: one, many, what is kept of them, and changing them.

use std::time::Duration;

use reqwest::{Method, Url};
use saggar_api::wire::{Attempts, Job, Jobs, Logs, Status};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::client::Client;
use crate::error::ClientError;
use crate::response::JsonBody;

/// How long one request waits for a job's end; proxies on the way bear with it.
const WAIT_PER_REQUEST: Duration = Duration::from_secs(30);

/// The pause after a wait that ended before its time, as it does while a host stops.
const SHORT_WAIT_PAUSE: Duration = Duration::from_millis(500);

/// Which jobs a list shows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ListQuery {
    /// Only those that stand there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Only those added at this moment (RFC 3339) or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added_from: Option<String>,
    /// Only those added before this moment (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added_before: Option<String>,
    /// Only those whose message or problem contains this text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `newest` or `oldest` first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<&'static str>,
    /// The `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// No more than this many on a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// Where a job stands, whatever else is said of it.
#[derive(Deserialize)]
struct JobStatus {
    status: Status,
}

impl Client {
    /// Looks a job up.
    pub async fn get(&self, task: &str, id: u64) -> Result<JsonBody<Job>, ClientError> {
        let url = self.job(task, id, None)?;
        self.with_retries(async || self.send_json(self.request(Method::GET, url.clone())).await).await
    }

    /// Waits until a job has ended, over restarts of the host too.
    pub async fn wait(&self, task: &str, id: u64) -> Result<JsonBody<Job>, ClientError> {
        let url = self.job(task, id, None)?;
        let wait = [("wait", format!("{}s", WAIT_PER_REQUEST.as_secs()))];
        loop {
            let began = Instant::now();
            let answer: JsonBody<Job> = self
                .with_retries(async || self.send_json(self.request(Method::GET, url.clone()).query(&wait)).await)
                .await?;
            let JobStatus { status } = serde_json::from_str(answer.text()).map_err(ClientError::InvalidResponse)?;
            if matches!(status, Status::Success | Status::Failure) {
                return Ok(answer);
            }
            if began.elapsed() < WAIT_PER_REQUEST {
                tokio::time::sleep(SHORT_WAIT_PAUSE).await;
            }
        }
    }

    /// A page of the jobs of a task, or of all tasks.
    pub async fn list(&self, task: Option<&str>, query: &ListQuery) -> Result<JsonBody<Jobs>, ClientError> {
        let url = match task {
            Some(task) => self.route(&["v1", "tasks", task, "jobs"])?,
            None => self.route(&["v1", "jobs"])?,
        };
        self.with_retries(async || self.send_json(self.request(Method::GET, url.clone()).query(query)).await).await
    }

    /// A job's log.
    pub async fn logs(&self, task: &str, id: u64) -> Result<JsonBody<Logs>, ClientError> {
        let url = self.job(task, id, Some("logs"))?;
        self.with_retries(async || self.send_json(self.request(Method::GET, url.clone())).await).await
    }

    /// The attempts of a job that are over.
    pub async fn attempts(&self, task: &str, id: u64) -> Result<JsonBody<Attempts>, ClientError> {
        let url = self.job(task, id, Some("attempts"))?;
        self.with_retries(async || self.send_json(self.request(Method::GET, url.clone())).await).await
    }

    /// Cancels a job, and answers how it stands then.
    pub async fn cancel(&self, task: &str, id: u64) -> Result<JsonBody<Job>, ClientError> {
        self.send_json(self.request(Method::POST, self.job(task, id, Some("cancel"))?)).await
    }

    /// Lets an ended job run again, and answers how it stands then.
    pub async fn retry(&self, task: &str, id: u64) -> Result<JsonBody<Job>, ClientError> {
        self.send_json(self.request(Method::POST, self.job(task, id, Some("retry"))?)).await
    }

    /// Has the callbacks of an ended job delivered again that were given up, and answers how it stands then.
    pub async fn redeliver(&self, task: &str, id: u64) -> Result<JsonBody<Job>, ClientError> {
        self.send_json(self.request(Method::POST, self.job(task, id, Some("redeliver"))?)).await
    }

    /// Forgets a job that does not run.
    pub async fn delete(&self, task: &str, id: u64) -> Result<(), ClientError> {
        self.send_empty(self.request(Method::DELETE, self.job(task, id, None)?)).await
    }

    /// The address of a job, or of something that is kept of it.
    pub(crate) fn job(&self, task: &str, id: u64, of_it: Option<&str>) -> Result<Url, ClientError> {
        let id = id.to_string();
        let mut parts = vec!["v1", "tasks", task, "jobs", &id];
        parts.extend(of_it);
        self.route(&parts)
    }
}
