//! Exchanges over HTTP, as records contain them: without what depends on the time that the call had left. Placeholders of
//! secrets are replaced by the services, so a record has none of their values.

use std::borrow::Cow;

use saggar_http_client::{HttpError, HttpErrorKind, HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedRequest<'a> {
    /// The method.
    pub method: Cow<'a, str>,
    /// The URL.
    pub url: Cow<'a, str>,
    /// The headers in order.
    pub headers: Cow<'a, [(String, Vec<u8>)]>,
    /// The body.
    pub body: Cow<'a, [u8]>,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedResponse<'a> {
    /// The status code.
    pub status: u16,
    /// The headers in order.
    pub headers: Cow<'a, [(String, Vec<u8>)]>,
    /// The body.
    pub body: Cow<'a, [u8]>,
}

/// Why there was no response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedHttpError<'a> {
    /// The code of the error's kind.
    pub code: Cow<'a, str>,
    /// The message.
    pub message: Cow<'a, str>,
}

impl<'a> From<&'a HttpRequest> for RecordedRequest<'a> {
    fn from(request: &'a HttpRequest) -> Self {
        let HttpRequest { method, url, headers, body, timeouts: _, max_response: _ } = request;
        let (headers, body) = (Cow::Borrowed(headers.as_slice()), Cow::Borrowed(&**body));
        Self { method: method.into(), url: url.into(), headers, body }
    }
}

impl<'a> From<&'a HttpResponse> for RecordedResponse<'a> {
    fn from(response: &'a HttpResponse) -> Self {
        let HttpResponse { status, headers, body } = response;
        Self { status: *status, headers: Cow::Borrowed(headers.as_slice()), body: Cow::Borrowed(&**body) }
    }
}

impl From<RecordedResponse<'_>> for HttpResponse {
    fn from(response: RecordedResponse<'_>) -> Self {
        let RecordedResponse { status, headers, body } = response;
        Self { status, headers: headers.into_owned(), body: body.into_owned().into() }
    }
}

impl<'a> From<&'a HttpError> for RecordedHttpError<'a> {
    fn from(error: &'a HttpError) -> Self {
        Self { code: error.kind.code().into(), message: error.message.as_str().into() }
    }
}

impl From<RecordedHttpError<'_>> for HttpError {
    fn from(error: RecordedHttpError<'_>) -> Self {
        // Only a damaged record has another code.
        let kind = HttpErrorKind::of_code(&error.code).unwrap_or(HttpErrorKind::InvalidResponse);
        Self::new(kind, error.message)
    }
}
