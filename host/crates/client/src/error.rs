//! Errors between a client and a host.

use saggar_wire::{Code, Problem};

/// The reason why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The text is not a URL of a host.
    #[error("invalid host URL `{url}`: {why} (example: http://127.0.0.1:7717)")]
    InvalidUrl {
        /// The text.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The token cannot be sent in a header.
    #[error("invalid token: it contains characters that a header cannot have")]
    InvalidToken,
    /// A host would not accept the key.
    #[error("invalid key: a key has 1 to {most} printable ASCII characters, without a space at the start or the end")]
    InvalidKey {
        /// The maximum length here.
        most: usize,
    },
    /// The text is not a valid task id.
    #[error("invalid task id `{0}`")]
    InvalidTaskId(String),
    /// The text is not the name of a tenant.
    #[error("invalid tenant name `{0}`")]
    InvalidTenant(String),
    /// The client cannot be set up, most likely because there are no certificates.
    #[error("cannot set up a connection: {0}")]
    SetupFailed(String),
    /// Nothing listens at this URL.
    #[error("no host at {url} ({why})")]
    Unreachable {
        /// The URL of the host.
        url: String,
        /// The network error.
        why: String,
    },
    /// A connection was made, but cannot be secured: the other side does not speak TLS, or its certificate is not
    /// trusted.
    #[error("cannot secure the connection to {url} ({why})")]
    TlsFailed {
        /// The URL of the host.
        url: String,
        /// The TLS error.
        why: String,
    },
    /// The connection broke before the response was complete. It is unknown whether the host processed the request.
    #[error("lost the connection to {url} ({why})")]
    ConnectionLost {
        /// The URL of the host.
        url: String,
        /// The network error.
        why: String,
    },
    /// The host refused the request.
    #[error("{} ({})", .0.detail, .0.code)]
    Refused(Box<Problem>),
    /// Something else answered: a proxy, or another service.
    #[error("not a Saggar host at {url}: {what}")]
    NotSaggar {
        /// The URL of the host.
        url: String,
        /// The status, if it was an HTTP response.
        status: Option<u16>,
        /// What it answered.
        what: String,
    },
    /// The response does not have the expected form.
    #[error("cannot read the response of the host; does it have another version?")]
    InvalidResponse(#[source] serde_json::Error),
}

impl ClientError {
    /// Returns the code of the problem document, if the host refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(problem) => Some(&problem.code),
            _ => None,
        }
    }

    /// Returns a stable code in kebab case: the host's code if it refused.
    pub fn name(&self) -> &str {
        match self {
            Self::Refused(problem) => &problem.code,
            Self::InvalidUrl { .. } => "invalid-url",
            Self::InvalidToken => "invalid-token",
            Self::InvalidKey { .. } => "invalid-key",
            Self::InvalidTaskId(_) => "invalid-task-id",
            Self::InvalidTenant(_) => "invalid-tenant",
            Self::SetupFailed(_) => "setup-failed",
            Self::Unreachable { .. } => "unreachable",
            Self::TlsFailed { .. } => "tls-failed",
            Self::ConnectionLost { .. } => "connection-lost",
            Self::NotSaggar { .. } => "not-saggar",
            Self::InvalidResponse(_) => "invalid-response",
        }
    }

    /// Returns whether the host refused because of one job, so it might accept others.
    pub fn concerns_job(&self) -> bool {
        self.code().and_then(Code::from_name).is_some_and(Code::concerns_job)
    }

    /// Returns whether the network is the cause, and not the host or the client.
    pub fn is_network(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::TlsFailed { .. }
                | Self::ConnectionLost { .. }
                | Self::NotSaggar { .. }
                | Self::SetupFailed(_)
        )
    }

    /// Returns whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::ConnectionLost { .. } => true,
            // From a proxy that cannot reach the host.
            Self::NotSaggar { status, .. } => matches!(status, Some(502..=504)),
            Self::Refused(problem) => matches!(problem.code.as_str(), "stopping" | "overloaded"),
            _ => false,
        }
    }

    /// Converts the error of a request.
    pub(crate) fn from_request(url: &str, error: &reqwest::Error) -> Self {
        let (url, why) = (url.to_owned(), root_cause(error));
        // Includes the TLS handshake.
        if error.is_connect() {
            return if is_tls(error) { Self::TlsFailed { url, why } } else { Self::Unreachable { url, why } };
        }
        // Retrying would give the same error, unlike after a lost connection.
        if causes(error).filter_map(|cause| cause.downcast_ref()).any(hyper::Error::is_parse) {
            return Self::NotSaggar { url, status: None, what: format!("it does not speak HTTP ({why})") };
        }
        Self::ConnectionLost { url, why }
    }
}

/// Iterates over an error and its sources.
fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| source_of(*error))
}

/// Returns the source of an error. `std::io::Error` reports the source of the error that it wraps; this returns the
/// wrapped error.
fn source_of<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a (dyn std::error::Error + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// Returns whether TLS failed.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<rustls::Error>())
}

/// Returns the innermost source. The outer errors only say that sending failed.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    causes(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn tls_errors_are_found_within_io_errors() {
        let untrusted = || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        assert!(is_tls(&io::Error::new(io::ErrorKind::InvalidData, untrusted())));
        assert!(is_tls(&io::Error::other(io::Error::other(untrusted()))));
        assert!(!is_tls(&io::Error::from(io::ErrorKind::ConnectionRefused)));
        assert!(!is_tls(&io::Error::other("tls handshake eof")));
    }
}
