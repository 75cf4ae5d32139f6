//! Secrets: values that the host puts into requests or signs requests with, and that no guest sees.

use std::path::PathBuf;

use crate::origin::{OriginPattern, Scheme};
use crate::signing::Signing;

/// Maximum length of a name.
const MAX_NAME: usize = 64;

/// A secret of the operator, and where it may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretGrant {
    /// The name by which tasks request it.
    pub name: String,
    /// Where its value comes from.
    pub source: SecretSource,
    /// The origins that may get it.
    pub origins: Vec<OriginPattern>,
    /// The header of a request that may have it, or its signature, in lower case.
    pub header: String,
    /// How it signs requests; `None` if it is sent itself.
    pub signing: Option<Signing>,
}

/// Where the value of a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file, without the line break at its end.
    File(PathBuf),
    /// An environment variable of the host.
    Env(String),
    /// What a program prints, without the line break at its end: its path and arguments.
    Command(Vec<String>),
}

impl SecretGrant {
    /// Returns whether a request to this origin may have the secret, or its signature, in this header. `host` is in its canonical spelling,
    /// and `header` in lower case.
    pub fn may_go_to(&self, scheme: Scheme, host: &str, port: u16, header: &str) -> bool {
        self.header == header && self.origins.iter().any(|origin| origin.matches(scheme, host, port))
    }
}

/// Returns whether a text can be the name of a secret: lower-case letters, digits, `-` and `_`.
pub fn is_secret_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= MAX_NAME
        && name.bytes().next().is_some_and(is_plain)
        && name.bytes().all(|byte| is_plain(byte) || byte == b'-' || byte == b'_')
}
