//! The routes, one file for each thing that is asked for. What they answer is made of wire types by `show`.

mod adding;
mod attempts;
mod document;
mod events;
mod headers;
mod health;
mod job;
mod listing;
mod logs;
mod metrics;
mod refusals;
pub(crate) mod show;
mod tasks;

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::Refusal;
use crate::service::Service;

/// All routes that stand in the OpenAPI document.
pub(crate) fn all() -> OpenApiRouter<Service> {
    OpenApiRouter::with_openapi(crate::openapi::frame())
        .routes(routes!(adding::add_job, listing::list_jobs_of_task))
        .routes(routes!(adding::add_batch))
        .routes(routes!(listing::list_jobs))
        .routes(routes!(job::get_job, job::delete_job))
        .routes(routes!(job::cancel_job))
        .routes(routes!(job::retry_job))
        .routes(routes!(job::redeliver_job))
        .routes(routes!(logs::get_logs))
        .routes(routes!(attempts::get_attempts))
        .routes(routes!(events::follow_one))
        .routes(routes!(events::follow_many))
        .routes(routes!(tasks::list_tasks))
        .routes(routes!(tasks::get_task))
        .routes(routes!(tasks::pause_task))
        .routes(routes!(tasks::resume_task))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(document::get_document))
        .routes(routes!(metrics::metrics))
}

/// What a handler answers.
pub(crate) type Answered<T> = Result<Answer<T>, Refusal>;

/// An answer in JSON.
pub(crate) struct Answer<T>(pub(crate) StatusCode, pub(crate) T);

impl<T> Answer<T> {
    pub(crate) fn ok(value: T) -> Self {
        Self(StatusCode::OK, value)
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.1) {
            Ok(text) => (self.0, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response(),
            Err(error) => Refusal::internal(&format!("the answer is no JSON: {error}")).into_response(),
        }
    }
}
