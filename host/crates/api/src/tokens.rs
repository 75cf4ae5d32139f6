//! Bearer tokens and their roles, as they are configured. Only digests are stored. Module `grants` finds them.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use saggar_job::Timestamp;
use sha2::{Digest, Sha256};

/// The rights of a token. Each role includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// May look up.
    Read,
    /// May also add, cancel, retry and delete jobs.
    Write,
    /// May also pause and resume tasks, reload the app, and read the audit and the records of attempts.
    Admin,
    /// May do so for every tenant, which each request names, and may also list and remove tenants and reload the whole
    /// host.
    Operator,
}

/// A token that the service accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its name in logs and in the audit.
    pub name: Arc<str>,
    /// The tenant that it has access to. Without effect if the role is [`Role::Operator`].
    pub tenant: Arc<str>,
    /// Its rights there.
    pub role: Role,
    /// From this time on it is refused; `None` if it does not expire.
    pub expires: Option<Timestamp>,
    /// The SHA-256 of the token.
    pub(crate) digest: [u8; 32],
}

/// All tokens that the service accepts. If it is empty, every request has all rights. Of two with the same digest, the
/// later one counts.
#[derive(Debug, Clone, Default)]
pub struct Tokens(pub(crate) Vec<Token>);

/// The reason why a text is not a token argument of the command line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// The role is missing.
    #[error("expected ROLE:SHA256, where ROLE is operator, admin, write or read")]
    Role,
    /// The text after the role is not a digest.
    #[error(
        "expected the SHA-256 of the token after the role: 64 hexadecimal digits, as `printf %s \"$TOKEN\" | sha256sum` \
         prints them"
    )]
    Digest,
}

impl Role {
    /// All roles, the highest first.
    pub const ALL: [Self; 4] = [Self::Operator, Self::Admin, Self::Write, Self::Read];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or(BadToken::Role)
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
        Ok(Self { name: name.into(), tenant: tenant.into(), role, expires: None, digest })
    }

    /// Sets when it expires.
    #[must_use]
    pub fn with_expiry(self, expires: Option<Timestamp>) -> Self {
        Self { expires, ..self }
    }

    /// Returns the only tenant that it has access to; `None` if it has access to all.
    pub fn only_tenant(&self) -> Option<&Arc<str>> {
        (self.role != Role::Operator).then_some(&self.tenant)
    }

    /// Returns whether it has expired at `now`.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
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
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The SHA-256 of `secret`.
    const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    #[test]
    fn a_host_without_tokens_may_only_listen_on_loopback_addresses() {
        assert_eq!(Token::digest_of("secret"), SECRET);
        let tokens = Tokens::new(vec![Token::new("ci", "default", Role::Write, SECRET).unwrap()]);
        assert!(!tokens.is_open() && Tokens::default().is_open());
        for (address, is_loopback) in [("127.0.0.9:1", true), ("[::1]:1", true), ("0.0.0.0:1", false)] {
            let address = address.parse().unwrap();
            assert!(tokens.suffice_at(address));
            assert_eq!(Tokens::default().suffice_at(address), is_loopback, "{address}");
        }
    }

    #[test]
    fn a_token_expires_at_its_time_and_only_an_operators_has_no_tenant() {
        let token = Token::new("ci", "acme", Role::Admin, SECRET).unwrap();
        assert!(!token.has_expired(Timestamp(u64::MAX)), "it has no expiry");
        let token = token.with_expiry(Some(Timestamp(5)));
        assert!(!token.has_expired(Timestamp(4)) && token.has_expired(Timestamp(5)));
        assert_eq!(token.only_tenant().map(|tenant| &**tenant), Some("acme"));
        assert_eq!(Token { role: Role::Operator, ..token }.only_tenant(), None);
    }

    #[test]
    fn roles_are_ordered_and_invalid_roles_and_digests_are_refused() {
        assert!(Role::ALL.is_sorted_by(|higher, lower| higher > lower));
        assert_eq!(Role::ALL.map(|role| role.name().parse()), Role::ALL.map(Ok));
        assert_eq!("write".parse(), Ok(Role::Write));
        assert_eq!("root".parse::<Role>(), Err(BadToken::Role));
        for bad in ["", "2bb8", &SECRET.replace('2', "g"), &format!("{SECRET}0"), &"é".repeat(32)] {
            assert!(Token::new("ci", "default", Role::Read, bad).is_err(), "{bad}");
        }
    }
}
