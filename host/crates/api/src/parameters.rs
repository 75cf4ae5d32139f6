//! Query parameters: known keys only, each once.

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::code::Code;
use crate::problem::Refusal;
use crate::service::Service;

/// The query, read as a `T` that denies unknown keys.
pub(crate) struct Parameters<T>(pub(crate) T);

/// What a route takes that knows no parameter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct None {}

impl<T: DeserializeOwned + Send> FromRequestParts<Service> for Parameters<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Service) -> Result<Self, Refusal> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(rejection) => Err(invalid(std::error::Error::source(&rejection).map_or_else(
                || "the query cannot be read".to_owned(),
                |source| format!("the query cannot be read: {source}"),
            ))),
        }
    }
}

/// A refusal of a query.
pub(crate) fn invalid(detail: impl Into<String>) -> Refusal {
    Refusal::new(Code::InvalidQuery, detail)
}
