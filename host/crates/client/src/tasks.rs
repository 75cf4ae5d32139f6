//! Asking for tasks, pausing and resuming them.

use reqwest::Method;
use saggar_api::wire::{Task, Tasks};

use crate::answer::Answer;
use crate::client::Client;
use crate::error::ClientError;

impl Client {
    /// All tasks that can run, with counts and rates.
    pub async fn tasks(&self) -> Result<Answer<Tasks>, ClientError> {
        self.persist(async || self.tasks_now().await).await
    }

    /// Like [`tasks`](Self::tasks), but does not go on when the host is gone.
    pub async fn tasks_now(&self) -> Result<Answer<Tasks>, ClientError> {
        self.ask(self.request(Method::GET, self.route(&["v1", "tasks"])?)).await
    }

    /// One task, with its definition.
    pub async fn task(&self, task: &str) -> Result<Answer<Task>, ClientError> {
        let url = self.route(&["v1", "tasks", task])?;
        self.persist(async || self.ask(self.request(Method::GET, url.clone())).await).await
    }

    /// Lets no more attempts of a task begin.
    pub async fn pause(&self, task: &str) -> Result<(), ClientError> {
        let url = self.route(&["v1", "tasks", task, "pause"])?;
        self.persist(async || self.tell(self.request(Method::POST, url.clone())).await).await
    }

    /// Ends a pause.
    pub async fn resume(&self, task: &str) -> Result<(), ClientError> {
        let url = self.route(&["v1", "tasks", task, "resume"])?;
        self.persist(async || self.tell(self.request(Method::POST, url.clone())).await).await
    }
}
