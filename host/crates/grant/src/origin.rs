//! Patterns of origins: `https://api.example.com`, `https://*.example.com:8443`, `https://*`.
//!
//! A host has one spelling here ([`canonical_host`]). Other spellings of an address, such as `0x7f.1`, are refused rather
//! than understood, because two programs that understand them differently could reach different hosts.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// The maximum length of a name in DNS.
const MAX_HOST: usize = 253;

/// The maximum length of a part of a name in DNS.
const MAX_LABEL: usize = 63;

/// How a server is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In plain text.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// Parses `http` or `https`, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Http, Self::Https].into_iter().find(|scheme| text.eq_ignore_ascii_case(scheme.name()))
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Returns the port of a URL without one.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A scheme, a host or a set of hosts, and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OriginPattern {
    scheme: Scheme,
    hosts: Hosts,
    port: u16,
}

/// The hosts of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Hosts {
    /// All: `*`.
    Any,
    /// All names below this one, but not itself: `*.example.com`.
    Below(String),
    /// This one.
    One(String),
}

/// Why a text is not a pattern of origins.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OriginError {
    /// It does not begin with a scheme.
    #[error("begin with `https://` or `http://`")]
    Scheme,
    /// It has more than an origin; the origin alone would be valid.
    #[error("write `{0}`, without a path")]
    Path(String),
    /// It has a user or a password.
    #[error("leave out the user and the password")]
    User,
    /// The port is not a number from 1 to 65535.
    #[error("the port must be a number from 1 to 65535")]
    Port,
    /// The wildcard is not the whole first part of the host.
    #[error("`*` must be the whole first part of the host, as in `https://*.example.com`")]
    Wildcard,
    /// The host is not a name or an address in its usual spelling.
    #[error("the host must be a name of letters, digits, `-` and `_` with dots between its parts, or an address")]
    Host,
}

impl OriginPattern {
    /// Parses a pattern.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let (scheme, rest) = text.split_once("://").ok_or(OriginError::Scheme)?;
        let scheme = Scheme::parse(scheme).ok_or(OriginError::Scheme)?;
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(OriginError::User);
        }
        let (host, port) = split_port(authority)?;
        let pattern = Self { scheme, hosts: hosts(host)?, port: port.unwrap_or(scheme.default_port()) };
        if path.is_empty() { Ok(pattern) } else { Err(OriginError::Path(pattern.to_string())) }
    }

    /// Returns whether a request to this origin is allowed. `host` is the host of a URL; one that is not in its
    /// canonical spelling matches only after [`canonical_host`].
    pub fn matches(&self, scheme: Scheme, host: &str, port: u16) -> bool {
        (self.scheme, self.port) == (scheme, port) && self.hosts.contain(host)
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns whether everything that `other` allows is allowed by this pattern.
    pub fn covers(&self, other: &Self) -> bool {
        (self.scheme, self.port) == (other.scheme, other.port) && self.hosts.cover(&other.hosts)
    }
}

impl Hosts {
    fn contain(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Below(parent) => is_below(host, parent),
            Self::One(one) => one == host,
        }
    }

    fn cover(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (_, Self::Any) => false,
            (Self::Below(parent), Self::Below(other)) => parent == other || is_below(other, parent),
            (Self::One(_), Self::Below(_)) => false,
            (_, Self::One(host)) => self.contain(host),
        }
    }
}

/// Returns whether a name is below another one: `a.b` is below `b`.
fn is_below(name: &str, parent: &str) -> bool {
    name.strip_suffix(parent).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

/// Splits the port from a host, which can be an address in brackets.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), OriginError> {
    let host_end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let (start, rest) = authority.split_at(host_end);
    let Some((name, port)) = rest.split_once(':') else { return Ok((authority, None)) };
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| is_number && *port > 0).ok_or(OriginError::Port)?;
    Ok((authority.get(..start.len() + name.len()).unwrap_or_default(), Some(port)))
}

fn hosts(text: &str) -> Result<Hosts, OriginError> {
    if text == "*" {
        return Ok(Hosts::Any);
    }
    match text.strip_prefix("*.") {
        Some(parent) if !parent.contains('*') => match canonical_name(parent) {
            Some(parent) => Ok(Hosts::Below(parent)),
            None => Err(OriginError::Host),
        },
        _ if text.contains('*') => Err(OriginError::Wildcard),
        _ => canonical_host(text).map(Hosts::One).ok_or(OriginError::Host),
    }
}

/// Returns the one spelling of a host of a URL: a name in lower case without a dot at its end, an IPv4 address in four
/// decimal numbers, an IPv6 address in brackets and as short as possible. Returns `None` for everything else, such as
/// IPv4 addresses in other spellings, names with other characters, and IPv6 addresses with a zone.
pub fn canonical_host(host: &str) -> Option<String> {
    if let Some(inner) = host.strip_prefix('[') {
        let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    match host.parse::<Ipv4Addr>() {
        Ok(address) => Some(address.to_string()),
        Err(_) => canonical_name(host),
    }
}

fn canonical_name(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_name = name.len() <= MAX_HOST && name.split('.').all(is_label) && !ends_in_number(name);
    is_name.then(|| name.to_ascii_lowercase())
}

/// Returns whether a URL parser would take the host for an IPv4 address, as `127.1`, `0x7f000001` and `2130706433`.
fn ends_in_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_hexadecimal = last.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"))
        && last.bytes().skip(2).all(|byte| byte.is_ascii_hexdigit());
    is_hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme.name())?;
        f.write_str("://")?;
        match &self.hosts {
            Hosts::Any => f.write_str("*")?,
            Hosts::Below(parent) => write!(f, "*.{parent}")?,
            Hosts::One(host) => f.write_str(host)?,
        }
        if self.port == self.scheme.default_port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> OriginPattern {
        OriginPattern::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_pattern_has_one_spelling() {
        for (text, shown) in [
            ("https://api.example.com", "https://api.example.com"),
            ("HTTPS://API.Example.com.:443", "https://api.example.com"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("https://example.com:80", "https://example.com:80"),
            ("http://[0:0::1]:80", "http://[::1]"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("https://*.Example.com", "https://*.example.com"),
            ("https://*", "https://*"),
            ("http://10.0.0.1", "http://10.0.0.1"),
        ] {
            assert_eq!(pattern(text).to_string(), shown, "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", OriginError::Scheme),
            ("api.example.com", OriginError::Scheme),
            ("ftp://x", OriginError::Scheme),
            ("https://a/", OriginError::Path("https://a".to_owned())),
            ("https://A:443/b?c", OriginError::Path("https://a".to_owned())),
            ("https://u:p@a", OriginError::User),
            ("https://a:0", OriginError::Port),
            ("https://a:65536", OriginError::Port),
            ("https://a:+1", OriginError::Port),
            ("https://a:", OriginError::Port),
            ("https://a.*.b", OriginError::Wildcard),
            ("https://*a.b", OriginError::Wildcard),
            ("https://*.*.b", OriginError::Wildcard),
            ("https://", OriginError::Host),
            ("https://*.", OriginError::Host),
            ("https://a b", OriginError::Host),
            ("https://a..b", OriginError::Host),
            ("https://-a", OriginError::Host),
            ("https://bücher.example", OriginError::Host),
            ("https://[::1", OriginError::Port),
            ("https://[fe80::1%25eth0]", OriginError::Host),
            ("https://127.1", OriginError::Host),
            ("https://0177.0.0.1", OriginError::Host),
            ("https://0x7f.0.0.1", OriginError::Host),
            ("https://0x7f000001", OriginError::Host),
            ("https://2130706433", OriginError::Host),
            ("https://*.0.0.1", OriginError::Host),
        ] {
            assert_eq!(OriginPattern::parse(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn a_pattern_covers_what_is_narrower() {
        for (wide, narrow, is_covered) in [
            ("https://*.example.com", "https://a.example.com", true),
            ("https://*.example.com", "https://a.b.example.com", true),
            ("https://*.example.com", "https://*.b.example.com", true),
            ("https://*.example.com", "https://*.example.com", true),
            ("https://*.example.com", "https://example.com", false),
            ("https://*.example.com", "https://badexample.com", false),
            ("https://*.example.com", "https://a.example.com.evil.net", false),
            ("https://*.example.com", "http://a.example.com", false),
            ("https://*.example.com", "https://a.example.com:8443", false),
            ("https://*.example.com", "https://*", false),
            ("https://*.b.example.com", "https://*.example.com", false),
            ("https://a.example.com", "https://*.a.example.com", false),
            ("https://a.example.com", "https://a.example.com", true),
            ("https://*", "https://*.example.com", true),
            ("https://*", "https://[::1]", true),
            ("https://*:8443", "https://a", false),
        ] {
            assert_eq!(pattern(wide).covers(&pattern(narrow)), is_covered, "{wide} {narrow}");
        }
    }

    proptest! {
        /// What a pattern covers never matches a request that the pattern itself does not match.
        #[test]
        fn covering_and_matching_agree(wide in "(\\*|(\\*\\.)?([ab]\\.){0,2}[ab])", narrow in "(\\*|(\\*\\.)?([ab]\\.){0,2}[ab])", host in "([ab]\\.){0,3}[ab]") {
            let (wide, narrow) = (pattern(&format!("https://{wide}")), pattern(&format!("https://{narrow}")));
            if wide.covers(&narrow) && narrow.matches(Scheme::Https, &host, 443) {
                prop_assert!(wide.matches(Scheme::Https, &host, 443), "{} {} {}", wide, narrow, host);
            }
        }

        /// No text panics, and what is shown is parsed again.
        #[test]
        fn shown_patterns_are_parsed_again(text in "https?://\\PC{0,40}") {
            if let Ok(pattern) = OriginPattern::parse(&text) {
                prop_assert_eq!(OriginPattern::parse(&pattern.to_string()), Ok(pattern));
            }
        }
    }
}
