//! Errors on their way out: every one is a problem document (RFC 9457) with a code of the table.

use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use saggar_wire::{self as wire, Code};

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// For programs.
    pub code: Code,
    /// For people: what happened and what to do. What a guest or a client wrote in it is shown as it is, as JSON text.
    pub detail: String,
    /// Which of several jobs is refused, from 0, if it is one of them.
    pub job: Option<usize>,
}

/// Bytes of a detail. Some repeat what a client sent, which may be as large as its body.
const MAX_DETAIL: usize = 1024;

/// What is refused for, for the layer that knows the request's path: it makes the document.
#[derive(Debug, Clone)]
pub(crate) struct Refused(pub(crate) Refusal);

impl Refusal {
    /// A refusal. A detail that is longer than anybody reads is cut.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: clipped(detail.into()), job: None }
    }

    /// The same for one of several jobs.
    #[must_use]
    pub fn of_job(self, job: Option<usize>) -> Self {
        Self { job, ..self }
    }

    /// A refusal that says no more than the table does.
    pub(crate) fn plain(code: Code) -> Self {
        Self::new(code, code.meaning())
    }

    /// A refusal for a mistake of ours, which stands in the log from here on.
    pub(crate) fn internal(why: &str) -> Self {
        tracing::error!(why, "a request failed because of a mistake of the host's own");
        Self::plain(Code::Internal)
    }

    /// The document, of a request for `path`.
    pub(crate) fn document(&self, path: &str) -> wire::Problem {
        wire::Problem {
            r#type: self.code.type_uri(),
            title: self.code.title().to_owned(),
            status: self.code.status(),
            detail: self.detail.clone(),
            code: self.code.name().to_owned(),
            instance: path.to_owned(),
        }
    }

    /// Headers that tell more about it.
    fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let again = self.code.retry_after_s().map(|seconds| (RETRY_AFTER, HeaderValue::from(seconds)));
        let scheme = (self.code == Code::Unauthorized)
            .then(|| (WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"saggar\"")));
        // What is left of the body would be taken for the next request.
        let leaves_rest = matches!(self.code, Code::BodyTooLarge | Code::BodyTimeout | Code::IncompleteBody);
        let close = leaves_rest.then(|| (CONNECTION, HeaderValue::from_static("close")));
        again.into_iter().chain(scheme).chain(close)
    }
}

/// The status of an answer with this code.
pub(crate) fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn clipped(mut detail: String) -> String {
    if detail.len() > MAX_DETAIL {
        detail.truncate(detail.floor_char_boundary(MAX_DETAIL));
        detail.push('…');
        detail.shrink_to_fit();
    }
    detail
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = status(self.code).into_response();
        response.headers_mut().extend(self.headers());
        response.extensions_mut().insert(Refused(self));
        response
    }
}

/// Gives a response that says that it is refused its document. Any other error of a layer below gets one, too.
pub(crate) fn documented(mut response: Response, path: &str) -> Response {
    let refusal = match response.extensions_mut().remove::<Refused>() {
        Some(Refused(refusal)) => refusal,
        None if response.status() == StatusCode::METHOD_NOT_ALLOWED => Refusal::plain(Code::MethodNotAllowed),
        None => return response,
    };
    // What went wrong stands in the log already, from where it did, with its causes.
    tracing::debug!(code = refusal.code.name(), detail = refusal.detail, path, "a request is refused");
    // A document of texts and a number is always JSON.
    let text = serde_json::to_vec(&refusal.document(path)).unwrap_or_default();
    let (mut parts, _) = response.into_parts();
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    parts.headers.remove(http::header::CONTENT_LENGTH);
    Response::from_parts(parts, text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_detail_is_cut_between_two_characters() {
        let of = |detail: String| Refusal::new(Code::InvalidBody, detail).detail;
        assert_eq!(of("x".repeat(MAX_DETAIL)), "x".repeat(MAX_DETAIL));
        assert_eq!(of("x".repeat(MAX_DETAIL + 1)), "x".repeat(MAX_DETAIL) + "…");
        assert_eq!(
            of("x".to_owned() + &"é".repeat(MAX_DETAIL)),
            "x".to_owned() + &"é".repeat(MAX_DETAIL / 2 - 1) + "…"
        );
    }
}
