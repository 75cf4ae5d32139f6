//! An exchange as plain values: a request, and its response or why there is none. They say everything that a guest sees of
//! an exchange, so they can be recorded and played back.

use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;

/// A request of a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method, in upper case.
    pub method: String,
    /// The URL, absolute.
    pub url: String,
    /// The headers in order. A value can contain placeholders of secrets.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body.
    pub body: Bytes,
    /// How long each part may take. They depend on the time that the call has left, so two runs of a call differ in them.
    pub timeouts: HttpTimeouts,
    /// Maximum bytes of the response's body.
    pub max_response: usize,
}

/// How long the parts of an exchange may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpTimeouts {
    /// The whole exchange.
    pub total: Duration,
    /// Resolving the name, connecting, and the handshake of TLS.
    pub connect: Duration,
    /// From sending the request to the end of the response's headers.
    pub first_byte: Duration,
    /// Between two parts of the response's body.
    pub between_bytes: Duration,
}

impl HttpTimeouts {
    /// The timeouts of an exchange for which the guest asked for no others, and that may take this long as a whole.
    pub fn within(total: Duration) -> Self {
        let (connect, between_bytes) = (Duration::from_secs(10), Duration::from_secs(30));
        Self { total, connect: connect.min(total), first_byte: total, between_bytes: between_bytes.min(total) }
    }
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The headers in order, with names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body, as it was sent: the host does not decompress.
    pub body: Bytes,
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}: {message}", .kind.code())]
pub struct HttpError {
    /// What kind of error it is.
    pub kind: HttpErrorKind,
    /// What happened and what to do: a sentence without a full stop.
    pub message: String,
}

/// The kinds of errors of exchanges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HttpErrorKind {
    /// The task does not request it, or the operator does not grant it.
    NotGranted,
    /// The request is not valid.
    InvalidRequest,
    /// The request is larger than allowed.
    RequestTooLarge,
    /// Too many requests are in progress, or were made.
    TooManyRequests,
    /// The host's name has no address.
    UnknownName,
    /// The address is not allowed.
    AddressDenied,
    /// The connection could not be made, or was closed early.
    ConnectionFailed,
    /// TLS could not be negotiated, or the server's certificate is not valid.
    TlsFailed,
    /// A time limit was reached.
    TimedOut,
    /// The response is larger than allowed.
    ResponseTooLarge,
    /// The response is not valid.
    InvalidResponse,
}

impl HttpErrorKind {
    const ALL: [Self; 11] = [
        Self::NotGranted,
        Self::InvalidRequest,
        Self::RequestTooLarge,
        Self::TooManyRequests,
        Self::UnknownName,
        Self::AddressDenied,
        Self::ConnectionFailed,
        Self::TlsFailed,
        Self::TimedOut,
        Self::ResponseTooLarge,
        Self::InvalidResponse,
    ];

    /// Returns the kind with this code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Returns the code of the problem that guests see.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotGranted => "http-not-granted",
            Self::InvalidRequest => "invalid-request",
            Self::RequestTooLarge => "request-too-large",
            Self::TooManyRequests => "too-many-requests",
            Self::UnknownName => "unknown-name",
            Self::AddressDenied => "address-denied",
            Self::ConnectionFailed => "connection-failed",
            Self::TlsFailed => "tls-failed",
            Self::TimedOut => "timed-out",
            Self::ResponseTooLarge => "response-too-large",
            Self::InvalidResponse => "invalid-response",
        }
    }
}

impl HttpError {
    /// Creates an error. `message` is a sentence without a full stop.
    pub fn new(kind: HttpErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The error of a request that no capability allows.
    pub fn not_granted(message: impl Into<String>) -> Self {
        Self::new(HttpErrorKind::NotGranted, message)
    }

    /// The error of a request whose body is larger than `max` bytes.
    pub fn request_too_large(max: usize) -> Self {
        let message = format!(
            "the body of the request is larger than {max} bytes, which is the most that this sandbox may send: send less, or \
             raise `sandbox.memory`"
        );
        Self::new(HttpErrorKind::RequestTooLarge, message)
    }

    /// The error of a request that is not valid.
    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(HttpErrorKind::InvalidRequest, message)
    }

    /// The error of a time limit.
    pub(crate) fn timed_out(what: &str, limit: Duration) -> Self {
        Self::new(HttpErrorKind::TimedOut, format!("{what} took longer than {} ms", limit.as_millis()))
    }

    /// The error of a response's body that is larger than `max` bytes.
    pub(crate) fn response_too_large(max: usize) -> Self {
        let message = format!(
            "the body of the response is larger than {max} bytes, which is the most that this sandbox may receive: ask for \
             less, or raise `sandbox.memory`"
        );
        Self::new(HttpErrorKind::ResponseTooLarge, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_code_of_its_own() {
        for kind in HttpErrorKind::ALL {
            assert_eq!(HttpErrorKind::of_code(kind.code()), Some(kind));
        }
        assert_eq!(HttpErrorKind::of_code("else"), None);
    }
}
