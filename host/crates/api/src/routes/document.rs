//! The OpenAPI document; it needs no token.

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use super::refusals::LookAtDocument;
use crate::openapi;

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "health", security(()),
    responses((status = 200, description = "The document", body = serde_json::Value, content_type = "application/json"), LookAtDocument)
)]
pub(super) async fn get_document() -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], openapi::openapi()).into_response()
}
