//! Bearer tokens and their roles. Only digests are stored, and they are compared in constant time.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The rights of a token. Each role includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// May look up.
    Read,
    /// May also add, cancel, retry and delete jobs.
    Write,
    /// May also pause and resume tasks.
    Admin,
}

/// A token that the service accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its name in logs.
    pub name: Arc<str>,
    /// The tenant that it has access to.
    pub tenant: Arc<str>,
    /// Its rights there.
    pub role: Role,
    /// The SHA-256 of the token.
    digest: [u8; 32],
}

/// All tokens that the service accepts. If it is empty, every request has all rights.
#[derive(Debug, Clone, Default)]
pub struct Tokens(Vec<Token>);

/// The reason why a text is not a token argument of the command line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// The role is missing.
    #[error("expected ROLE:SHA256, where ROLE is admin, write or read")]
    Role,
    /// The text after the role is not a digest.
    #[error(
        "expected the SHA-256 of the token after the role: 64 hexadecimal digits, as `printf %s \"$TOKEN\" | sha256sum` \
         prints them"
    )]
    Digest,
}

impl Role {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        [Self::Read, Self::Write, Self::Admin].into_iter().find(|role| role.name() == text).ok_or(BadToken::Role)
    }
}

impl Token {
    /// Creates a token from its SHA-256 in hexadecimal.
    pub fn new(
        name: impl Into<Arc<str>>,
        tenant: impl Into<Arc<str>>,
        role: Role,
        sha256: &str,
    ) -> Result<Self, BadToken> {
        let digest = digest(sha256).ok_or(BadToken::Digest)?;
        Ok(Self { name: name.into(), tenant: tenant.into(), role, digest })
    }

    /// Returns the SHA-256 of a token's text in hexadecimal, for [`new`](Self::new).
    pub fn digest_of(text: &str) -> String {
        Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if hex.len() != 64 {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(hex.as_bytes().chunks(2)) {
        let digit = |at: usize| char::from(*pair.get(at)?).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(digest)
}

impl Tokens {
    /// Creates the set of these tokens.
    pub fn new(tokens: Vec<Token>) -> Self {
        Self(tokens)
    }

    /// Returns whether the host has no tokens. Every request has all rights then.
    pub fn is_open(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether a service with these tokens may listen on this address. Without tokens, only loopback addresses
    /// are allowed.
    pub fn suffice_at(&self, address: SocketAddr) -> bool {
        !self.is_open() || address.ip().is_loopback()
    }

    /// Finds the `given` token. Always compares the digests of all tokens, so that the duration reveals nothing.
    pub(crate) fn find(&self, given: &[u8]) -> Option<&Token> {
        let given: [u8; 32] = Sha256::digest(given).into();
        let mut found = None;
        for token in &self.0 {
            if bool::from(token.digest.ct_eq(&given)) {
                found = Some(token);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The SHA-256 of `secret`.
    const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    #[test]
    fn a_token_is_found_only_by_its_text() {
        assert_eq!(Token::digest_of("secret"), SECRET);
        let token = Token::new("ci", "default", Role::Write, SECRET).unwrap();
        let tokens = Tokens::new(vec![token.clone()]);
        assert_eq!(tokens.find(b"secret"), Some(&token));
        for other in ["", "Secret", "secret ", SECRET] {
            assert_eq!(tokens.find(other.as_bytes()), None, "{other:?}");
        }
        assert!(!tokens.is_open() && Tokens::default().is_open());
        for (address, is_loopback) in [("127.0.0.9:1", true), ("[::1]:1", true), ("0.0.0.0:1", false)] {
            let address = address.parse().unwrap();
            assert!(tokens.suffice_at(address));
            assert_eq!(Tokens::default().suffice_at(address), is_loopback, "{address}");
        }
    }

    #[test]
    fn roles_are_ordered_and_invalid_roles_and_digests_are_refused() {
        assert!(Role::Read < Role::Write && Role::Write < Role::Admin);
        assert_eq!("write".parse(), Ok(Role::Write));
        assert_eq!("root".parse::<Role>(), Err(BadToken::Role));
        for bad in ["", "2bb8", &SECRET.replace('2', "g"), &format!("{SECRET}0"), &"é".repeat(32)] {
            assert!(Token::new("ci", "default", Role::Read, bad).is_err(), "{bad}");
        }
    }
}
