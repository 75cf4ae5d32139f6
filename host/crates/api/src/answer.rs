//! JSON answers of routes.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::problem::Refusal;

/// The result of a route with a JSON answer.
pub(crate) type Answered<T> = Result<Answer<T>, Refusal>;

/// A JSON document with its status.
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
            Err(error) => Refusal::internal(&format!("the answer cannot be serialized: {error}")).into_response(),
        }
    }
}
