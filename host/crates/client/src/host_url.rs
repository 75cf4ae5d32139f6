//! The URLs of a host and of its routes. A name becomes exactly one segment of the path, whatever it contains.

use reqwest::Url;

use crate::error::ClientError;

/// The URL of a host. Behind a proxy it may have a path.
#[derive(Debug, Clone)]
pub(crate) struct HostUrl(Url);

impl HostUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, ClientError> {
        let invalid = |why: String| ClientError::InvalidUrl { url: text.to_owned(), why };
        let url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid(format!("the scheme `{}` is not http or https", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("a host takes a token, not a user and a password".to_owned()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("it must not have `?` or `#`".to_owned()));
        }
        Ok(Self(url))
    }

    /// Returns the URL for display.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// Returns whether the connection is not encrypted.
    pub(crate) fn is_plaintext(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Returns whether the host is on this machine, so no proxy is used.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
    }

    /// Returns the URL of the route with the path segments `parts`.
    pub(crate) fn join(&self, parts: &[&str]) -> Result<Url, ClientError> {
        // These mean something else in a path, even percent-encoded.
        if let Some(part) = parts.iter().find(|part| matches!(**part, "" | "." | "..")) {
            return Err(ClientError::InvalidTaskId((*part).to_owned()));
        }
        let mut url = self.0.clone();
        match url.path_segments_mut() {
            Ok(mut path) => path.pop_if_empty().extend(parts),
            Err(()) => {
                return Err(ClientError::InvalidUrl { url: self.0.to_string(), why: "it has no path".to_owned() });
            }
        };
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(base: &str, parts: &[&str]) -> String {
        HostUrl::parse(base).unwrap().join(parts).unwrap().into()
    }

    #[test]
    fn each_name_is_one_path_segment() {
        assert_eq!(of("http://h:1", &["v1", "tasks", "mail.send"]), "http://h:1/v1/tasks/mail.send");
        assert_eq!(of("http://h/x/", &["v1"]), "http://h/x/v1");
        assert_eq!(of("http://h/x", &["v1"]), "http://h/x/v1");
        assert_eq!(of("http://h", &["a/b", "c%2e?d#e", "ü"]), "http://h/a%2Fb/c%252e%3Fd%23e/%C3%BC");
        for bad in ["", ".", ".."] {
            let refused = HostUrl::parse("http://h").unwrap().join(&["v1", "tasks", bad]);
            assert!(matches!(refused, Err(ClientError::InvalidTaskId(_))), "{bad}");
        }
    }

    #[test]
    fn invalid_urls_are_refused() {
        for bad in
            ["", "127.0.0.1:7717", "localhost:7717", "ftp://h", "http://", "http://a:b@h", "http://h?x", "http://h#x"]
        {
            assert!(matches!(HostUrl::parse(bad), Err(ClientError::InvalidUrl { .. })), "{bad}");
        }
    }

    #[test]
    fn loopback_hosts_are_recognized() {
        for (text, is) in
            [("http://127.0.0.9", true), ("http://[::1]:1", true), ("http://LOCALHOST", true), ("http://h", false)]
        {
            assert_eq!(HostUrl::parse(text).unwrap().is_loopback(), is, "{text}");
        }
    }
}
