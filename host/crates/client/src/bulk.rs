//! Changing all jobs that meet some conditions.

use saggar_wire::{BulkChange, BulkChanged, BulkPreview};
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::error::ClientError;
use crate::response::JsonBody;

/// A change of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobChange {
    /// Runs ended jobs again.
    Retry,
    /// Ends waiting jobs, and stops running ones.
    Cancel,
    /// Deletes jobs that do not run.
    Delete,
}

impl JobChange {
    /// Returns its name, as it is in the path of its route.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::Delete => "delete",
        }
    }
}

impl Client {
    /// Returns what a change would do, and changes nothing.
    pub async fn preview_change(
        &self,
        change: JobChange,
        body: &BulkChange,
    ) -> Result<JsonBody<BulkPreview>, ClientError> {
        self.change_many(change, &BulkChange { dry_run: true, ..body.clone() }).await
    }

    /// Makes a step of a change; returns what it has done and where the next one continues. A step whose answer was lost is
    /// repeated: jobs that were changed do not match any more, or are skipped.
    pub async fn change_jobs(
        &self,
        change: JobChange,
        body: &BulkChange,
    ) -> Result<JsonBody<BulkChanged>, ClientError> {
        self.change_many(change, &BulkChange { dry_run: false, ..body.clone() }).await
    }

    async fn change_many<T: DeserializeOwned>(
        &self,
        change: JobChange,
        body: &BulkChange,
    ) -> Result<JsonBody<T>, ClientError> {
        let url = self.host_url.join(&["v1", "jobs", change.name()])?;
        self.with_retries(async || self.send_json(self.http.post(url.clone()).json(body)).await).await
    }
}
