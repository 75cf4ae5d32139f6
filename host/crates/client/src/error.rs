//! What can go wrong between a client and a host.

use saggar_api::wire::Problem;

/// Refusals of one job, which the others of its request share without being to blame.
const JOB_CODES: [&str; 6] =
    ["invalid-args", "invalid-body", "body-too-large", "duplicate-id", "key-reused", "next-failed"];

/// Why there is no answer, or not the one that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The text is no address of a host.
    #[error("`{url}` is no address of a host: {why}; one is written like http://127.0.0.1:7717")]
    InvalidUrl {
        /// The text.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The token cannot be sent.
    #[error("the token has characters in it that no token of a host has")]
    InvalidToken,
    /// The key is none that a host takes.
    #[error("a key has 1 to {most} printable ASCII characters, the first and the last of them no space")]
    InvalidKey {
        /// How long it may be here.
        most: usize,
    },
    /// No task can have this id.
    #[error("`{0}` is no id of a task")]
    InvalidTaskId(String),
    /// The client cannot be set up; most likely there are no certificates to know hosts by.
    #[error("no connection can be made: {0}")]
    SetupFailed(String),
    /// Nobody listens there.
    #[error("there is no host at {url} ({why})")]
    Unreachable {
        /// The host's address.
        url: String,
        /// What the network says.
        why: String,
    },
    /// Somebody is there, and the connection to it cannot be secured: it speaks no TLS, or its certificate is not trusted.
    #[error("the connection to {url} cannot be secured ({why})")]
    TlsFailed {
        /// The host's address.
        url: String,
        /// What TLS says.
        why: String,
    },
    /// The connection broke before the whole answer was there. Whether the host did what it was asked for is not known.
    #[error("the connection to {url} was lost ({why})")]
    ConnectionLost {
        /// The host's address.
        url: String,
        /// What the network says.
        why: String,
    },
    /// The host refuses.
    #[error("{} ({})", .0.detail, .0.code)]
    Refused(Box<Problem>),
    /// Somebody else answers: a proxy, or another service.
    #[error("what answers at {url} is no Saggar host: {what}")]
    NotSaggar {
        /// The host's address.
        url: String,
        /// The status of the answer, if it is one of HTTP.
        status: Option<u16>,
        /// What it answered.
        what: String,
    },
    /// The answer has not the form that this client knows.
    #[error("the answer of the host cannot be read; is it of another version?")]
    InvalidResponse(#[source] serde_json::Error),
}

impl ClientError {
    /// The code of the host's problem document, if it refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(problem) => Some(&problem.code),
            _ => None,
        }
    }

    /// A stable name in kebab case: that of the host, if it refused.
    pub fn name(&self) -> &str {
        match self {
            Self::Refused(problem) => &problem.code,
            Self::InvalidUrl { .. } => "invalid-url",
            Self::InvalidToken => "invalid-token",
            Self::InvalidKey { .. } => "invalid-key",
            Self::InvalidTaskId(_) => "invalid-task-id",
            Self::SetupFailed(_) => "setup-failed",
            Self::Unreachable { .. } => "unreachable",
            Self::TlsFailed { .. } => "tls-failed",
            Self::ConnectionLost { .. } => "connection-lost",
            Self::NotSaggar { .. } => "not-saggar",
            Self::InvalidResponse(_) => "invalid-response",
        }
    }

    /// Whether the host refuses what one job is like, so that it would take others.
    pub fn concerns_job(&self) -> bool {
        self.code().is_some_and(|code| JOB_CODES.contains(&code))
    }

    /// Whether the network, and neither host nor client, is to blame.
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

    /// Whether the same request may be answered in a while, since the host or the way to it is only gone for now.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::ConnectionLost { .. } => true,
            // A proxy whose host is gone.
            Self::NotSaggar { status, .. } => matches!(status, Some(502..=504)),
            Self::Refused(problem) => matches!(problem.code.as_str(), "stopping" | "overloaded"),
            _ => false,
        }
    }

    /// What a request ended with instead of an answer.
    pub(crate) fn from_request(url: &str, error: &reqwest::Error) -> Self {
        let (url, why) = (url.to_owned(), root_cause(error));
        // Shaking hands is a part of connecting.
        if error.is_connect() {
            return if is_tls(error) { Self::TlsFailed { url, why } } else { Self::Unreachable { url, why } };
        }
        // That would be the same the next time, other than a cut.
        if causes(error).filter_map(|cause| cause.downcast_ref()).any(hyper::Error::is_parse) {
            return Self::NotSaggar { url, status: None, what: format!("it does not speak HTTP ({why})") };
        }
        Self::ConnectionLost { url, why }
    }
}

/// An error and what lies below it.
fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| source_of(*error))
}

/// The cause of an error. One of input and output is said to be caused by the cause of what it wraps, which passes over that.
fn source_of<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a (dyn std::error::Error + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// Whether TLS is what failed.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<rustls::Error>())
}

/// What lies at the bottom of an error; those above it say that sending failed, which we say ourselves.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "nothing came in time".to_owned();
    }
    causes(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn what_tls_says_is_found_within_errors_of_input_and_output() {
        let untrusted = || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        assert!(is_tls(&io::Error::new(io::ErrorKind::InvalidData, untrusted())));
        assert!(is_tls(&io::Error::other(io::Error::other(untrusted()))));
        assert!(!is_tls(&io::Error::from(io::ErrorKind::ConnectionRefused)));
        assert!(!is_tls(&io::Error::other("tls handshake eof")));
    }
}
