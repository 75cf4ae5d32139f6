//! Where a request goes. A URL is parsed strictly: what two parsers could understand differently is refused, so that the
//! origin that was compared with the grants is the one that is connected to.

use std::net::IpAddr;

use http::uri::PathAndQuery;
use saggar_grant::{Scheme, canonical_host};

use crate::exchange::HttpError;

/// Maximum bytes of a URL.
const MAX_URL: usize = 8 << 10;

/// The origin and the path of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) scheme: Scheme,
    /// In its canonical spelling; an IPv6 address is in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// What is sent in the first line of a request.
    pub(crate) path: PathAndQuery,
}

impl Target {
    /// Parses a URL.
    pub(crate) fn parse(url: &str) -> Result<Self, HttpError> {
        let invalid = |why: &str| Err(HttpError::invalid_request(format!("invalid URL: {why}")));
        if url.len() > MAX_URL {
            return invalid(&format!("it is longer than {MAX_URL} bytes"));
        }
        if !url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return invalid(
                "it has characters that must be encoded with `%`, or a name that must be encoded with punycode",
            );
        }
        let Some((scheme, rest)) = url.split_once("://") else { return invalid("begin with `https://` or `http://`") };
        let Some(scheme) = Scheme::parse(scheme) else { return invalid("begin with `https://` or `http://`") };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return invalid("leave out the user and the password; send them in a header");
        }
        let Some((host, port)) = split_port(authority, scheme) else {
            return invalid("the port must be a number from 1 to 65535");
        };
        let Some(host) = canonical_host(host) else {
            return invalid(
                "the host must be a name, an IPv4 address of four decimal numbers, or an IPv6 address in brackets",
            );
        };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let Ok(path) = PathAndQuery::try_from(path) else { return invalid("its path or query has invalid characters") };
        Ok(Self { scheme, host, port, path })
    }

    /// Returns the address, if the host is one.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// Returns what the header `host` has.
    pub(crate) fn authority(&self) -> String {
        if self.port == self.scheme.default_port() { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// Returns the origin, for messages.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme.name(), self.authority())
    }
}

/// Splits the port from a host, which can be an address in brackets. Returns `None` if the port is invalid.
fn split_port(authority: &str, scheme: Scheme) -> Option<(&str, u16)> {
    let host_end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let Some(colon) = authority.get(host_end..)?.find(':') else { return Some((authority, scheme.default_port())) };
    let (host, port) = (authority.get(..host_end + colon)?, authority.get(host_end + colon + 1..)?);
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| is_number && *port > 0)?;
    Some((host, port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::HttpErrorKind;

    fn parsed(url: &str) -> Target {
        Target::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[test]
    fn a_url_has_an_origin_and_a_path() {
        for (url, origin, path) in [
            ("https://example.com", "https://example.com", "/"),
            ("HTTPS://Example.COM.:443/A?b=C#d", "https://example.com", "/A?b=C"),
            ("http://example.com:8080?x", "http://example.com:8080", "/?x"),
            ("http://[0:0::1]:80/a/../b", "http://[::1]", "/a/../b"),
            ("http://[::ffff:127.0.0.1]/", "http://[::ffff:127.0.0.1]", "/"),
            ("http://127.0.0.1#/etc", "http://127.0.0.1", "/"),
            ("http://a/?u=http://b@c:1/", "http://a", "/?u=http://b@c:1/"),
        ] {
            let target = parsed(url);
            assert_eq!((target.origin().as_str(), target.path.as_str()), (origin, path), "{url}");
        }
    }

    #[test]
    fn addresses_are_recognized() {
        assert_eq!(parsed("http://127.0.0.1:1/").address(), Some("127.0.0.1".parse().unwrap()));
        assert_eq!(parsed("http://[::ffff:7f00:1]/").address(), Some("::ffff:127.0.0.1".parse().unwrap()));
        assert_eq!(parsed("http://localhost/").address(), None);
    }

    /// Each of these is understood in more than one way by clients, or is an address in disguise.
    #[test]
    fn other_spellings_are_refused() {
        for url in [
            "",
            "example.com",
            "//example.com",
            "ftp://example.com",
            "file:///etc/passwd",
            "http:example.com",
            "http:///path",
            "http://",
            "http://127.1/",
            "http://0177.0.0.1/",
            "http://0x7f.0.0.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://017700000001/",
            "http://127.0.0.1./x",
            "http://127.0.0.0x1/",
            "http://256.0.0.1/",
            "http://１２７.0.0.1/",
            "http://127。0。0。1/",
            "http://%31%32%37.0.0.1/",
            "http://[::1%25lo]/",
            "http://[::1/",
            "http://::1/",
            "http://[127.0.0.1]/",
            "http://good.example@127.0.0.1/",
            "http://good.example:80@127.0.0.1/",
            "http://127.0.0.1\\@good.example/",
            "http://good.example\\.evil.example/",
            "http://a b/",
            "http://a/b c",
            "http://a\t/",
            "http://a/\r\nx: y",
            "http://a:0/",
            "http://a:65536/",
            "http://a:+80/",
            "http://a:/",
            "http://a:80:80/",
            "http://bücher.example/",
            "http://a..b/",
        ] {
            let refused = Target::parse(url).expect_err(url);
            assert_eq!(refused.kind, HttpErrorKind::InvalidRequest, "{url}");
        }
        assert!(Target::parse(&format!("http://a/{}", "x".repeat(9000))).is_err());
    }

    proptest! {
        /// No text panics, and an accepted URL has a host in its one spelling.
        #[test]
        fn accepted_hosts_are_canonical(url in "https?://\\PC{0,60}") {
            if let Ok(target) = Target::parse(&url) {
                prop_assert_eq!(canonical_host(&target.host), Some(target.host.clone()));
                prop_assert!(target.path.as_str().starts_with('/'));
            }
        }
    }
}
