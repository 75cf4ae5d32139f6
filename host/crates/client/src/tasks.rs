//! Requests about tasks: listing, pausing and resuming.

use saggar_wire::{Task, Tasks};

use crate::client::Client;
use crate::error::ClientError;
use crate::response::JsonBody;

impl Client {
    /// Returns all tasks, with counts and rates.
    pub async fn tasks(&self) -> Result<JsonBody<Tasks>, ClientError> {
        self.with_retries(async || self.tasks_now().await).await
    }

    /// Like [`tasks`](Self::tasks), without retries.
    pub async fn tasks_now(&self) -> Result<JsonBody<Tasks>, ClientError> {
        self.send_json(self.http.get(self.host_url.join(&["v1", "tasks"])?)).await
    }

    /// Returns one task, with its definition.
    pub async fn task(&self, task: &str) -> Result<JsonBody<Task>, ClientError> {
        let url = self.host_url.join(&["v1", "tasks", task])?;
        self.with_retries(async || self.send_json(self.http.get(url.clone())).await).await
    }

    /// Pauses a task; survives restarts.
    pub async fn pause(&self, task: &str) -> Result<(), ClientError> {
        let url = self.host_url.join(&["v1", "tasks", task, "pause"])?;
        self.with_retries(async || self.send_empty(self.http.post(url.clone())).await).await
    }

    /// Resumes a task.
    pub async fn resume(&self, task: &str) -> Result<(), ClientError> {
        let url = self.host_url.join(&["v1", "tasks", task, "resume"])?;
        self.with_retries(async || self.send_empty(self.http.post(url.clone())).await).await
    }
}
