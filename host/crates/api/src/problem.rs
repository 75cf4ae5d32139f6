//! Error responses: each is a problem document (RFC 9457) with a code of the table.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use saggar_job::JobId;
use saggar_queue::{ChangeError, StoreError, WaitError};
use saggar_tenant::{Quota, QuotaExceeded};
use saggar_wire::{self as wire, Code};

/// The reason why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// For programs.
    pub code: Code,
    /// For people: what happened and what to do. Includes text of a guest or a client verbatim, as JSON text.
    pub detail: String,
    /// The position of the refused job in the batch, from 0, if the refusal is about one job.
    pub job: Option<usize>,
    /// Problems of the app, if these are the reason.
    pub problems: Vec<wire::Diagnostic>,
    /// The quota that does not suffice, if that is the reason.
    pub quota: Option<QuotaExceeded>,
}

/// Maximum bytes of a detail. Some details repeat text of the client, which may be as large as its body.
const MAX_DETAIL: usize = 1024;

/// A refusal as an extension of a response. The middleware that knows the request's path builds the document from it.
#[derive(Debug, Clone)]
pub(crate) struct Refused(pub(crate) Refusal);

impl Refusal {
    /// Creates a refusal. Truncates the detail to 1 KiB.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: truncated(detail.into()), job: None, problems: Vec::new(), quota: None }
    }

    /// Sets the job of the batch that is refused.
    #[must_use]
    pub fn of_job(self, job: Option<usize>) -> Self {
        Self { job, ..self }
    }

    /// Sets the problems of the app.
    #[must_use]
    pub fn with_problems(self, problems: Vec<wire::Diagnostic>) -> Self {
        Self { problems, ..self }
    }

    /// Creates a refusal whose detail is the meaning of the code.
    pub(crate) fn plain(code: Code) -> Self {
        Self::new(code, code.meaning())
    }

    /// Creates a refusal with a code of the domain. Codes that only a guest or an attempt can cause become internal
    /// errors.
    pub fn named(code: &str, detail: impl Into<String>) -> Self {
        let code = Code::from_name(code).unwrap_or_else(|| {
            tracing::error!(code, "not a code of the HTTP service");
            Code::Internal
        });
        Self::new(code, detail)
    }

    /// Sets the quota that does not suffice.
    #[must_use]
    pub fn with_quota(self, quota: Option<QuotaExceeded>) -> Self {
        Self { quota, ..self }
    }

    /// Returns the seconds after which to try again; `None` if waiting alone cannot help.
    fn retry_after_s(&self) -> Option<u32> {
        let Some(exceeded) = &self.quota else { return self.code.retry_after_s() };
        let seconds = |time: Duration| u32::try_from(time.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1);
        exceeded.may_pass().then(|| exceeded.retry_after.map_or(1, seconds))
    }

    /// Creates the refusal of an unknown job.
    pub(crate) fn unknown_job(id: JobId) -> Self {
        WaitError::UnknownJob { id }.into()
    }

    /// Creates a refusal because of a bug of the host, and logs the bug.
    pub(crate) fn internal(why: &str) -> Self {
        tracing::error!(why, "a request failed because of a bug of the host");
        Self::plain(Code::Internal)
    }

    /// Returns the document of a request for `path`.
    pub(crate) fn document(&self, path: &str) -> wire::Problem {
        wire::Problem {
            r#type: self.code.type_uri(),
            title: self.code.title().to_owned(),
            status: self.code.status(),
            detail: self.detail.clone(),
            code: self.code.name().to_owned(),
            instance: path.to_owned(),
            quota: self.quota.map(|exceeded| exceeded.quota.to_owned()),
            problems: self.problems.clone(),
        }
    }

    /// Returns its headers.
    fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let again = self.retry_after_s().map(|seconds| (RETRY_AFTER, HeaderValue::from(seconds)));
        let scheme = match self.code {
            Code::Unauthorized => Some("Bearer realm=\"saggar\""),
            Code::TokenExpired => Some("Bearer realm=\"saggar\", error=\"invalid_token\""),
            _ => None,
        };
        let scheme = scheme.map(|scheme| (WWW_AUTHENTICATE, HeaderValue::from_static(scheme)));
        // Otherwise the rest of the body would be parsed as the next request.
        let has_unread_body = matches!(self.code, Code::BodyTooLarge | Code::BodyTimeout | Code::IncompleteBody);
        let is_one_too_many = self.quota.is_some_and(|exceeded| exceeded.quota == Quota::Connections.name());
        let close = (has_unread_body || is_one_too_many).then(|| (CONNECTION, HeaderValue::from_static("close")));
        again.into_iter().chain(scheme).chain(close)
    }
}

impl From<QuotaExceeded> for Refusal {
    fn from(exceeded: QuotaExceeded) -> Self {
        Self::new(Code::QuotaExceeded, exceeded.to_string()).with_quota(Some(exceeded))
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        // The cause of the store's failure is for the operator, not for the client.
        if let StoreError::Failed(source) = &error {
            let first: &(dyn std::error::Error + 'static) = &**source;
            let causes = std::iter::successors(Some(first), |error| (*error).source());
            let causes: Vec<String> = causes.map(ToString::to_string).collect();
            tracing::error!(error = causes.join(": "), "the job store failed a request");
        }
        Self::named(error.code(), error.to_string())
    }
}

impl From<ChangeError> for Refusal {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Store(error) => error.into(),
            error => Self::named(error.code(), error.to_string()),
        }
    }
}

impl From<WaitError> for Refusal {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::Store(error) => error.into(),
            error => Self::named(error.code(), error.to_string()),
        }
    }
}

/// Returns the status of an answer with this code.
pub(crate) fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn truncated(mut detail: String) -> String {
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

/// Adds the document to a refused response, and to other errors of the layers below.
pub(crate) fn documented(mut response: Response, path: &str) -> Response {
    let refusal = match response.extensions_mut().remove::<Refused>() {
        Some(Refused(refusal)) => refusal,
        None if response.status() == StatusCode::METHOD_NOT_ALLOWED => Refusal::plain(Code::MethodNotAllowed),
        None => return response,
    };
    // The cause was already logged where it occurred.
    tracing::debug!(code = refusal.code.name(), detail = refusal.detail, path, "a request is refused");
    // A document of texts and a number can always be serialized.
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
    fn errors_of_the_queue_have_matching_codes() {
        let why = || Box::new(std::io::Error::other("why"));
        let of = |error: StoreError| Refusal::from(error).code;
        assert_eq!(of(StoreError::Full(why())), Code::StoreFull);
        assert_eq!(of(StoreError::Failed(why())), Code::StoreFailed);
        assert_eq!(of(StoreError::Busy(why())), Code::StoreBusy);
        let change = ChangeError::Store(StoreError::Full(why()));
        assert_eq!(Refusal::from(change).code, Code::StoreFull);
        let id = JobId(1);
        for (error, code) in [
            (ChangeError::UnknownJob { id }, Code::UnknownJob),
            (ChangeError::Ended { id }, Code::Ended),
            (ChangeError::NotEnded { id }, Code::NotEnded),
            (ChangeError::Running { id }, Code::Running),
            (ChangeError::CallbackPending { id }, Code::CallbackPending),
            (ChangeError::NotGivenUp { id }, Code::NotGivenUp),
            (ChangeError::NotUnique { id, other: id }, Code::NotUnique),
        ] {
            assert_eq!(Refusal::from(error).code, code);
        }
        assert_eq!(Refusal::unknown_job(id).code, Code::UnknownJob);
    }

    #[test]
    fn a_long_detail_is_truncated_between_two_characters() {
        let of = |detail: String| Refusal::new(Code::InvalidBody, detail).detail;
        assert_eq!(of("x".repeat(MAX_DETAIL)), "x".repeat(MAX_DETAIL));
        assert_eq!(of("x".repeat(MAX_DETAIL + 1)), "x".repeat(MAX_DETAIL) + "…");
        assert_eq!(
            of("x".to_owned() + &"é".repeat(MAX_DETAIL)),
            "x".to_owned() + &"é".repeat(MAX_DETAIL / 2 - 1) + "…"
        );
    }

    #[test]
    fn a_quota_says_when_to_try_again_if_that_can_help() {
        let retry_after = |exceeded: QuotaExceeded| {
            let response = Refusal::from(exceeded).into_response();
            response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned())
        };
        let exceeded = QuotaExceeded::of(Quota::Streams, 2, 1);
        assert_eq!(retry_after(exceeded).as_deref(), Some("1"));
        let rate = QuotaExceeded { retry_after: Some(Duration::from_millis(2_001)), ..exceeded };
        assert_eq!(retry_after(rate).as_deref(), Some("3"));
        let endless = QuotaExceeded { retry_after: Some(Duration::MAX), ..exceeded };
        assert_eq!(retry_after(endless).as_deref(), Some("4294967295"));
        assert_eq!(retry_after(QuotaExceeded { asked: 3, ..exceeded }), None);
        let refusal = Refusal::from(exceeded);
        let document = refusal.document("/v1/events");
        assert_eq!((document.status, document.quota.as_deref()), (429, Some("streams")));
        assert_eq!(document.detail, "the tenant's quota `streams` of 2 is used up");
    }
}
