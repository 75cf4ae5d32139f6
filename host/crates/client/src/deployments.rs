//! Requests about the deployments of an app.

use saggar_wire::{Deployments, DeploymentsQuery, RollbackQuery};

use crate::client::Client;
use crate::error::ClientError;
use crate::response::JsonBody;
use crate::tasks::ReloadAnswer;

impl Client {
    /// Returns a page of the deployments of the app, the newest first.
    pub async fn deployments(&self, query: &DeploymentsQuery) -> Result<JsonBody<Deployments>, ClientError> {
        let url = self.host_url.join(&["v1", "deployments"])?;
        self.with_retries(async || self.send_json(self.http.get(url.clone()).query(query)).await).await
    }

    /// Returns code that the host keeps, by the digest that attempts and deployments show: a component or, of a script, a JSON
    /// document with its files.
    pub async fn version(&self, digest: &str) -> Result<Vec<u8>, ClientError> {
        let url = self.host_url.join(&["v1", "versions", digest])?;
        self.with_retries(async || {
            let response = self.send(self.http.get(url.clone()), "application/octet-stream").await?;
            let bytes = response.bytes().await.map_err(|error| ClientError::from_request(self.url(), &error))?;
            Ok(bytes.to_vec())
        })
        .await
    }

    /// Makes the app run the code of an earlier deployment, and waits for the end. It is not repeated after a lost
    /// connection: without a number, each rollback goes further back.
    pub async fn rollback(&self, query: &RollbackQuery) -> Result<ReloadAnswer, ClientError> {
        let url = self.host_url.join(&["v1", "rollback"])?;
        self.reload_answer(self.http.post(url).query(query)).await
    }
}
