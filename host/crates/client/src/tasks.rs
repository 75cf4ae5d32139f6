//! Asking for tasks, pausing and resuming them.

use reqwest::Method;
use saggar_api::wire::{Task, Tasks};

use crate::client::Client;
use crate::error::ClientError;
use crate::response::JsonBody;

impl Client {
    /// All tasks that can run, with counts and rates.
    pub async fn tasks(&self) -> Result<JsonBody<Tasks>, ClientError> {
        self.with_retries(async || self.tasks_now().await).await
    }

    /// Like [`tasks`](Self::tasks), but does not go on when the host is gone.
    pub async fn tasks_now(&self) -> Result<JsonBody<Tasks>, ClientError> {
        self.send_json(self.request(Method::GET, self.route(&["v1", "tasks"])?)).await
    }

    /// One task, with its definition.
    pub async fn task(&self, task: &str) -> Result<JsonBody<Task>, ClientError> {
        let url = self.route(&["v1", "tasks", task])?;
        self.with_retries(async || self.send_json(self.request(Method::GET, url.clone())).await).await
    }

    /// Lets no more attempts of a task begin.
    pub async fn pause(&self, task: &str) -> Result<(), ClientError> {
        let url = self.route(&["v1", "tasks", task, "pause"])?;
        self.with_retries(async || self.send_empty(self.request(Method::POST, url.clone())).await).await
    }

    /// Ends a pause.
    pub async fn resume(&self, task: &str) -> Result<(), ClientError> {
        let url = self.route(&["v1", "tasks", task, "resume"])?;
        self.with_retries(async || self.send_empty(self.request(Method::POST, url.clone())).await).await
    }
}
