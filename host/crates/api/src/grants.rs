//! The tokens in force. A request looks its token up by digest; a reload replaces all of them at once, without a lock that
//! requests would wait for. What a removed token had opened ends.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use saggar_job::Timestamp;
use sha2::{Digest, Sha256};
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use crate::tokens::{Role, Token, Tokens};

/// The rights of a request: those of a token in force or, on a host without tokens, those of every client.
#[derive(Debug, Default)]
pub(crate) struct Grant {
    /// `None` on a host without tokens.
    pub(crate) token: Option<Token>,
    revoked: CancellationToken,
}

/// The tokens in force.
pub(crate) struct Grants {
    set: ArcSwap<GrantSet>,
    /// Locked while the set is replaced.
    replacing: Mutex<()>,
}

#[derive(Default)]
struct GrantSet {
    /// By the SHA-256 of the token's text.
    by_digest: HashMap<[u8; 32], Arc<Grant>>,
    /// The rights of all requests if no tokens are configured.
    of_anybody: Option<Arc<Grant>>,
}

/// Without these tokens, the host would be open to every client that can reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "without tokens the host would be open to every client that reaches it; keep one, or restart the host without tokens"
)]
pub struct LastTokenRemoved;

/// What a replacement of the tokens has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenChanges {
    /// Tokens that are new, or have another role, tenant, name or expiry than before.
    pub added: Vec<Token>,
    /// Tokens that are not in force any more.
    pub removed: Vec<Token>,
}

impl Grant {
    /// Returns the role that the request has.
    pub(crate) fn role(&self) -> Role {
        self.token.as_ref().map_or(Role::Operator, |token| token.role)
    }

    /// Returns the only tenant that the request may name; `None` if it may name any.
    pub(crate) fn only_tenant(&self) -> Option<&Arc<str>> {
        self.token.as_ref()?.only_tenant()
    }

    /// Returns the name of the token.
    pub(crate) fn name(&self) -> Option<&Arc<str>> {
        Some(&self.token.as_ref()?.name)
    }

    /// Returns when the token expires; `None` if it does not, or not within the next century.
    pub(crate) fn expires_at(&self, now: Timestamp) -> Option<Instant> {
        let left_ms = self.token.as_ref()?.expires?.0.saturating_sub(now.0);
        Instant::now().checked_add(Duration::from_millis(left_ms))
    }

    /// Resolves when the token is not in force any more.
    pub(crate) fn revoked(&self) -> &CancellationToken {
        &self.revoked
    }
}

impl Grants {
    pub(crate) fn new(tokens: Tokens) -> Self {
        let set = ArcSwap::from_pointee(GrantSet::of(tokens, &GrantSet::default()));
        Self { set, replacing: Mutex::default() }
    }

    /// Returns whether the host has no tokens.
    pub(crate) fn is_open(&self) -> bool {
        self.set.load().of_anybody.is_some()
    }

    /// Returns the rights of a request without a token, if the host has no tokens.
    pub(crate) fn of_anybody(&self) -> Option<Arc<Grant>> {
        self.set.load().of_anybody.clone()
    }

    /// Finds the token with this text, which may have expired. Takes the same time however many tokens there are.
    ///
    /// The duration of a look-up in a hash map depends on the key, which is the SHA-256 of `given`, and on the digests in the
    /// map. This does not help to guess a token: a client that chooses `given` cannot choose its digest, and a digest that
    /// shares bits with that of a token brings the client no nearer to the token, which is a preimage of the whole digest. A
    /// token has 256 bits of randomness (`saggar token`), so its digest cannot be searched for either. The hash function of
    /// the map has a random key, so the digests cannot be chosen so that they collide.
    pub(crate) fn find(&self, given: &[u8]) -> Option<Arc<Grant>> {
        let digest: [u8; 32] = Sha256::digest(given).into();
        self.set.load().by_digest.get(&digest).cloned()
    }

    /// Returns the tokens in force, in no order.
    pub(crate) fn tokens(&self) -> Tokens {
        Tokens(self.set.load().by_digest.values().filter_map(|grant| grant.token.clone()).collect())
    }

    /// Replaces all tokens. Streams that were opened with a token that is removed or changed end; those of the others go on.
    pub(crate) fn replace(&self, tokens: Tokens) -> Result<TokenChanges, LastTokenRemoved> {
        let _replacing = self.replacing.lock();
        let old = self.set.load_full();
        if tokens.is_open() && old.of_anybody.is_none() {
            return Err(LastTokenRemoved);
        }
        let new = Arc::new(GrantSet::of(tokens, &old));
        self.set.store(Arc::clone(&new));
        // From here on no request gets an old grant, so each request that has one is found here.
        let removed: Vec<_> = old.all().filter(|grant| !new.has(grant)).collect();
        removed.iter().for_each(|grant| grant.revoked.cancel());
        let tokens = |grants: Vec<&Arc<Grant>>| grants.into_iter().filter_map(|grant| grant.token.clone()).collect();
        Ok(TokenChanges {
            added: tokens(new.all().filter(|grant| !old.has(grant)).collect()),
            removed: tokens(removed),
        })
    }
}

impl GrantSet {
    /// Creates the set of these tokens; takes the grants of unchanged ones from `old`.
    fn of(tokens: Tokens, old: &Self) -> Self {
        if tokens.is_open() {
            return Self { of_anybody: Some(old.of_anybody.clone().unwrap_or_default()), ..Self::default() };
        }
        let grant = |token: Token| match old.by_digest.get(&token.digest) {
            Some(known) if known.token.as_ref() == Some(&token) => (token.digest, Arc::clone(known)),
            _ => (token.digest, Arc::new(Grant { token: Some(token), revoked: CancellationToken::new() })),
        };
        Self { by_digest: tokens.0.into_iter().map(grant).collect(), of_anybody: None }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Grant>> {
        self.by_digest.values().chain(&self.of_anybody)
    }

    fn has(&self, grant: &Arc<Grant>) -> bool {
        let own = match &grant.token {
            Some(token) => self.by_digest.get(&token.digest),
            None => self.of_anybody.as_ref(),
        };
        own.is_some_and(|own| Arc::ptr_eq(own, grant))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(name: &str, role: Role) -> Token {
        Token::new(name, "acme", role, &Token::digest_of(name)).unwrap()
    }

    fn names(tokens: &[Token]) -> Vec<&str> {
        let mut names: Vec<_> = tokens.iter().map(|token| &*token.name).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_token_is_found_only_by_its_text() {
        let grants = Grants::new(Tokens::new((0..1_000).map(|n| token(&n.to_string(), Role::Read)).collect()));
        assert_eq!(grants.find(b"7").unwrap().name().map(|name| &**name), Some("7"));
        for other in ["", "07", "7 ", "1000", &Token::digest_of("7")] {
            assert!(grants.find(other.as_bytes()).is_none(), "{other:?}");
        }
        assert!(!grants.is_open() && grants.of_anybody().is_none());
    }

    #[test]
    fn only_removed_and_changed_tokens_are_revoked() {
        let grants = Grants::new(Tokens::new(["kept", "changed", "gone"].map(|name| token(name, Role::Write)).into()));
        let before = ["kept", "changed", "gone"].map(|name| grants.find(name.as_bytes()).unwrap());
        let after = vec![token("kept", Role::Write), token("changed", Role::Read), token("new", Role::Admin)];
        let changes = grants.replace(Tokens::new(after)).unwrap();
        assert_eq!(before.map(|grant| grant.revoked().is_cancelled()), [false, true, true]);
        assert_eq!((names(&changes.added), names(&changes.removed)), (vec!["changed", "new"], vec!["changed", "gone"]));
        assert_eq!(grants.find(b"changed").unwrap().role(), Role::Read);
        assert!(grants.find(b"gone").is_none());
        assert_eq!(grants.tokens().0.len(), 3);
    }

    #[test]
    fn a_host_with_tokens_cannot_be_opened_at_run_time_but_an_open_one_can_get_tokens() {
        let grants = Grants::new(Tokens::default());
        let anybody = grants.of_anybody().unwrap();
        assert_eq!((anybody.role(), anybody.only_tenant()), (Role::Operator, None));
        assert_eq!(grants.replace(Tokens::default()), Ok(TokenChanges::default()));
        assert!(!anybody.revoked().is_cancelled());
        grants.replace(Tokens::new(vec![token("first", Role::Read)])).unwrap();
        assert!(anybody.revoked().is_cancelled() && !grants.is_open());
        assert_eq!(grants.replace(Tokens::default()), Err(LastTokenRemoved));
        assert!(grants.find(b"first").is_some());
    }
}
