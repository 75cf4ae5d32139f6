//! Signatures of requests. A secret that signs does not leave the host: what is sent is the signature of a message that is
//! made of the request.

use std::fmt;

use thiserror::Error;

use crate::header::header_name;

/// Maximum bytes of the pattern of a message.
const MAX_PATTERN: usize = 512;

/// The name that stands for the body in a pattern.
const BODY: &str = "body";

/// How a secret signs requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    /// The algorithm.
    pub algorithm: SignatureAlgorithm,
    /// How the signature is written.
    pub encoding: SignatureEncoding,
    /// What is signed.
    pub message: SignedMessage,
}

/// The algorithm of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureEncoding {
    /// In hexadecimal, in lower case.
    Hex,
    /// In base64, with padding.
    Base64,
}

/// What is signed: a pattern such as `{x-timestamp}.{body}`, in which `{body}` stands for the body of the request, and any
/// other name in braces for the value of a header. Every pattern has the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedMessage(Vec<MessagePart>);

/// A part of a signed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessagePart {
    /// This text.
    Text(String),
    /// The value of the header with this name, in lower case.
    Header(String),
    /// The body.
    Body,
}

/// Why a text is not the pattern of a message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignedMessageError {
    /// It is too long.
    #[error("write at most 512 bytes")]
    Length,
    /// A brace is alone.
    #[error("write each name in braces, and no other braces, for example `{{x-timestamp}}.{{body}}`")]
    Brace,
    /// A name is not that of a header that a task can send.
    #[error("`{0}` is no header that a task can send; the body is `{{body}}`")]
    Header(String),
    /// The body is missing.
    #[error("a signature has to be of the body as well: add `{{body}}`")]
    Body,
}

impl SignatureAlgorithm {
    /// All algorithms.
    pub const ALL: [Self; 2] = [Self::HmacSha256, Self::HmacSha512];

    /// Returns the word for it in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha512 => "hmac-sha512",
        }
    }

    /// Parses such a word.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

impl SignatureEncoding {
    /// Returns the word for it in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Base64 => "base64",
        }
    }
}

impl SignedMessage {
    /// Parses a pattern.
    pub fn parse(pattern: &str) -> Result<Self, SignedMessageError> {
        if pattern.len() > MAX_PATTERN {
            return Err(SignedMessageError::Length);
        }
        let mut parts = Vec::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, following) = after.split_once('}').ok_or(SignedMessageError::Brace)?;
            push_text(&mut parts, before)?;
            parts.push(part(name)?);
            rest = following;
        }
        push_text(&mut parts, rest)?;
        if parts.contains(&MessagePart::Body) { Ok(Self(parts)) } else { Err(SignedMessageError::Body) }
    }

    /// Returns its parts in order.
    pub fn parts(&self) -> &[MessagePart] {
        &self.0
    }

    /// Returns whether the value of a header is part of it. `name` is in lower case.
    pub fn has_header(&self, name: &str) -> bool {
        self.0.iter().any(|part| matches!(part, MessagePart::Header(header) if header == name))
    }
}

impl Default for SignedMessage {
    /// The body alone.
    fn default() -> Self {
        Self(vec![MessagePart::Body])
    }
}

impl fmt::Display for SignedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                MessagePart::Text(text) => f.write_str(text)?,
                MessagePart::Header(name) => write!(f, "{{{name}}}")?,
                MessagePart::Body => write!(f, "{{{BODY}}}")?,
            }
        }
        Ok(())
    }
}

fn push_text(parts: &mut Vec<MessagePart>, text: &str) -> Result<(), SignedMessageError> {
    if text.contains('}') {
        return Err(SignedMessageError::Brace);
    }
    if !text.is_empty() {
        parts.push(MessagePart::Text(text.to_owned()));
    }
    Ok(())
}

fn part(name: &str) -> Result<MessagePart, SignedMessageError> {
    if name == BODY {
        return Ok(MessagePart::Body);
    }
    header_name(name).map(MessagePart::Header).map_err(|_| SignedMessageError::Header(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_text_headers_and_the_body() {
        let message = SignedMessage::parse("v0:{X-Timestamp}:{body}").unwrap();
        let (text, header) = (MessagePart::Text("v0:".to_owned()), MessagePart::Header("x-timestamp".to_owned()));
        assert_eq!(message.parts(), [text, header, MessagePart::Text(":".to_owned()), MessagePart::Body]);
        assert!(message.has_header("x-timestamp") && !message.has_header("body"));
        for pattern in ["{body}", "v0:{x-timestamp}:{body}", "{webhook-id}.{webhook-timestamp}.{body}", "{body}{body}."]
        {
            assert_eq!(SignedMessage::parse(pattern).unwrap().to_string(), pattern);
        }
        assert_eq!(SignedMessage::default().to_string(), "{body}");
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        for (pattern, reason) in [
            ("", SignedMessageError::Body),
            ("{x-timestamp}.", SignedMessageError::Body),
            ("{body", SignedMessageError::Brace),
            ("body}", SignedMessageError::Brace),
            ("{body}}", SignedMessageError::Brace),
            ("{}{body}", SignedMessageError::Header(String::new())),
            ("{{body}}", SignedMessageError::Header("{body".to_owned())),
            ("{host}{body}", SignedMessageError::Header("host".to_owned())),
            ("{a b}{body}", SignedMessageError::Header("a b".to_owned())),
            ("x".repeat(513).as_str(), SignedMessageError::Length),
        ] {
            assert_eq!(SignedMessage::parse(pattern), Err(reason), "{pattern}");
        }
    }

    #[test]
    fn each_algorithm_has_a_name() {
        for algorithm in SignatureAlgorithm::ALL {
            assert_eq!(SignatureAlgorithm::parse(algorithm.name()), Some(algorithm));
        }
        assert_eq!(SignatureAlgorithm::parse("HMAC-SHA256"), None);
    }
}
