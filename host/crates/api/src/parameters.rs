//! Query parameters: only known ones, each at most once. Also the id to continue after, which can be a header.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use http::HeaderMap;
use http::request::Parts;
use saggar_wire::Code;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::problem::Refusal;
use crate::service::Service;

/// The query, deserialized as a `T` that denies unknown parameters.
pub(crate) struct Parameters<T>(pub(crate) T);

/// The query of a route without parameters.
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

/// Returns the refusal of an invalid query.
pub(crate) fn invalid(detail: impl Into<String>) -> Refusal {
    Refusal::new(Code::InvalidQuery, detail)
}

/// Returns the id to continue after: from the header `Last-Event-ID`, which a client sends when it reconnects
/// automatically, or else from the parameter `after`. Both have to be in canonical form.
pub(crate) fn last_event_id<T: FromStr<Err: Display> + Display>(
    headers: &HeaderMap,
    after: Option<&str>,
) -> Result<Option<T>, Refusal> {
    let read = |text: &str| match text.parse::<T>() {
        Ok(id) if id.to_string() == text => Ok(id),
        Ok(id) => Err(format!("its canonical form is `{id}`")),
        Err(error) => Err(error.to_string()),
    };
    let after = after.map(read).transpose().map_err(|error| invalid(format!("`after`: {error}")))?;
    let header = match headers.get_all("last-event-id").iter().collect::<Vec<_>>()[..] {
        [] => None,
        [one] => Some(one.to_str().map_err(|error| error.to_string()).and_then(read)),
        _ => Some(Err("it is given more than once".to_owned())),
    };
    let wrong = |error| Refusal::new(Code::InvalidHeader, format!("`Last-Event-ID`: {error}"));
    Ok(header.transpose().map_err(wrong)?.or(after))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use saggar_queue::EventId;

    use super::*;

    #[test]
    fn the_header_takes_precedence_over_the_parameter() {
        let headers = |id: &'static str| {
            HeaderMap::from_iter([(http::HeaderName::from_static("last-event-id"), HeaderValue::from_static(id))])
        };
        let (none, later) = (HeaderMap::new(), headers("e5-2"));
        let id = |number| Ok(Some(EventId { epoch: 5, number }));
        assert_eq!(last_event_id::<EventId>(&none, None), Ok(None));
        assert_eq!(last_event_id(&none, Some("e5-1")), id(1));
        assert_eq!(last_event_id(&later, Some("e5-1")), id(2));
        let code =
            |headers: &HeaderMap, after| last_event_id::<EventId>(headers, after).map_err(|refusal| refusal.code);
        assert_eq!(code(&none, Some("7")), Err(Code::InvalidQuery));
        assert_eq!(code(&later, Some("7")), Err(Code::InvalidQuery));
        assert_eq!(last_event_id::<usize>(&none, Some("07")).map_err(|refusal| refusal.code), Err(Code::InvalidQuery));
        assert_eq!(code(&headers("7"), None), Err(Code::InvalidHeader));
        assert_eq!(code(&headers(""), Some("e5-1")), Err(Code::InvalidHeader));
        let mut two = headers("e5-2");
        two.append("last-event-id", HeaderValue::from_static("e5-3"));
        assert_eq!(code(&two, None), Err(Code::InvalidHeader));
    }
}
