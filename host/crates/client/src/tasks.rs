//! Requests about tasks: listing, pausing, resuming and reloading.

use reqwest::{RequestBuilder, StatusCode};
use saggar_wire::{AppProblems, Plugin, Plugins, ReloadStatus, Reloaded, Series, SeriesQuery, Slots, Task, Tasks};

use crate::client::Client;
use crate::error::ClientError;
use crate::response::JsonBody;

/// The answer to a request for a reload.
#[derive(Debug, Clone)]
pub enum ReloadAnswer {
    /// The app is reloaded.
    Reloaded(JsonBody<Reloaded>),
    /// The reload takes long and continues.
    Running(JsonBody<ReloadStatus>),
}

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

    /// Returns the slots of a task, and which attempts have them.
    pub async fn slots(&self, task: &str) -> Result<JsonBody<Slots>, ClientError> {
        let url = self.host_url.join(&["v1", "tasks", task, "slots"])?;
        self.with_retries(async || self.send_json(self.http.get(url.clone())).await).await
    }

    /// Returns the plugins and scripts that can be used.
    pub async fn plugins(&self) -> Result<JsonBody<Plugins>, ClientError> {
        let url = self.host_url.join(&["v1", "plugins"])?;
        self.with_retries(async || self.send_json(self.http.get(url.clone())).await).await
    }

    /// Returns one of them by its name, such as `plugins.mail.send`.
    pub async fn plugin(&self, name: &str) -> Result<JsonBody<Plugin>, ClientError> {
        let url = self.host_url.join(&["v1", "plugins", name])?;
        self.with_retries(async || self.send_json(self.http.get(url.clone())).await).await
    }

    /// Returns the problems of the app that runs.
    pub async fn problems(&self) -> Result<JsonBody<AppProblems>, ClientError> {
        let url = self.host_url.join(&["v1", "problems"])?;
        self.with_retries(async || self.send_json(self.http.get(url.clone())).await).await
    }

    /// Returns what one or all tasks did in the last two hours.
    pub async fn series(&self, query: &SeriesQuery) -> Result<JsonBody<Series>, ClientError> {
        let url = self.host_url.join(&["v1", "series"])?;
        self.with_retries(async || self.send_json(self.http.get(url.clone()).query(query)).await).await
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

    /// Reloads the host's app, and waits for the end. A reload of an app with errors changes nothing, and is refused.
    pub async fn reload(&self) -> Result<ReloadAnswer, ClientError> {
        let url = self.host_url.join(&["v1", "reload"])?;
        self.with_retries(async || self.reload_answer(self.http.post(url.clone())).await).await
    }

    /// Sends a request that is answered as one for a reload is.
    pub(crate) async fn reload_answer(&self, request: RequestBuilder) -> Result<ReloadAnswer, ClientError> {
        let response = self.send(request, "application/json").await?;
        let is_running = response.status() == StatusCode::ACCEPTED;
        let text = response.text().await.map_err(|error| ClientError::from_request(self.url(), &error))?;
        Ok(if is_running {
            ReloadAnswer::Running(JsonBody::new(text))
        } else {
            ReloadAnswer::Reloaded(JsonBody::new(text))
        })
    }

    /// Returns the state of reloads.
    pub async fn reload_status(&self) -> Result<JsonBody<ReloadStatus>, ClientError> {
        let url = self.host_url.join(&["v1", "reload"])?;
        self.with_retries(async || self.send_json(self.http.get(url.clone())).await).await
    }
}
