//! The headers of a request: those of the guest, without those by which a client and a server agree on the connection.

use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HOST, IF_RANGE, RANGE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::exchange::{HttpError, HttpErrorKind, HttpRequest};
use crate::target::Target;

/// Maximum headers of a request, and of a response.
pub const MAX_HEADERS: usize = 100;

/// Maximum bytes of the headers of a request, and of a response.
pub const MAX_HEADER_BYTES: usize = 64 << 10;

/// Headers that the host decides on.
const OF_THE_CONNECTION: [&str; 9] =
    ["connection", "expect", "host", "http2-settings", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// Sent unless the guest says otherwise.
const AGENT: &str = concat!("saggar/", env!("CARGO_PKG_VERSION"));

/// Returns the headers that are sent, with placeholders of secrets.
pub(crate) fn request_headers(request: &HttpRequest, target: &Target) -> Result<HeaderMap, HttpError> {
    let bytes: usize = request.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if request.headers.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        let message = format!("a request may have {MAX_HEADERS} headers of {MAX_HEADER_BYTES} bytes altogether");
        return Err(HttpError::new(HttpErrorKind::RequestTooLarge, message));
    }
    let mut headers = HeaderMap::with_capacity(request.headers.len() + 2);
    for (name, value) in &request.headers {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            return Err(HttpError::invalid_request("a header's name has invalid characters"));
        };
        let Ok(value) = HeaderValue::from_bytes(value) else {
            return Err(HttpError::invalid_request(format!("the value of the header `{name}` has invalid characters")));
        };
        if is_of_connection(&name) {
            let message =
                format!("the header `{name}` belongs to the connection, and the host sends it if it is needed");
            return Err(HttpError::invalid_request(message));
        }
        if name == CONTENT_LENGTH {
            // The host sends it itself, so that it is true.
            if value.as_bytes() != request.body.len().to_string().as_bytes() {
                let message = format!("`content-length` is not the length of the body, {} bytes", request.body.len());
                return Err(HttpError::invalid_request(message));
            }
            continue;
        }
        headers.append(name, value);
    }
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
    let authority = HeaderValue::from_str(&target.authority());
    headers.insert(HOST, authority.map_err(|_| HttpError::invalid_request("invalid host"))?);
    Ok(headers)
}

/// Returns whether a header belongs to the connection, and not to what is exchanged over it.
pub(crate) fn is_of_connection(name: &HeaderName) -> bool {
    OF_THE_CONNECTION.contains(&name.as_str()) || name.as_str().starts_with("proxy-")
}

/// Keeps the responses of an origin that may know a secret readable for the host: they are not compressed, and not in
/// pieces that each have too little of the secret to be recognized.
pub(crate) fn make_readable(headers: &mut HeaderMap) -> Result<(), HttpError> {
    if headers.contains_key(RANGE) || headers.contains_key(IF_RANGE) {
        let message = "requests to an origin that may get a secret cannot ask for a range of bytes";
        return Err(HttpError::invalid_request(message));
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::HttpTimeouts;

    fn headers(headers: &[(&str, &str)]) -> Result<HeaderMap, HttpErrorKind> {
        let request = HttpRequest {
            method: "POST".into(),
            url: "http://a:81/".into(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect(),
            body: Bytes::from_static(b"12345"),
            timeouts: HttpTimeouts::within(std::time::Duration::from_secs(1)),
            max_response: 1,
        };
        request_headers(&request, &Target::parse(&request.url).unwrap()).map_err(|error| error.kind)
    }

    #[test]
    fn the_host_and_the_agent_are_added() {
        let sent = headers(&[("X-A", "1"), ("x-a", "2"), ("content-length", "5")]).unwrap();
        assert_eq!(sent.get(HOST).unwrap(), "a:81");
        assert!(sent.get(USER_AGENT).unwrap().to_str().unwrap().starts_with("saggar/"));
        assert_eq!(sent.get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert!(!sent.contains_key(CONTENT_LENGTH));
        assert_eq!(headers(&[("user-agent", "mine")]).unwrap().get(USER_AGENT).unwrap(), "mine");
    }

    #[test]
    fn headers_of_the_connection_are_refused() {
        for (name, value) in [
            ("Host", "b"),
            ("connection", "upgrade"),
            ("Transfer-Encoding", "chunked"),
            ("upgrade", "h2c"),
            ("proxy-authorization", "x"),
            ("content-length", "4"),
            ("content-length", "+5"),
            ("a b", "1"),
            ("", "1"),
            ("x", "a\r\nb: c"),
            ("x", "a\0"),
        ] {
            assert_eq!(headers(&[(name, value)]), Err(HttpErrorKind::InvalidRequest), "{name}: {value}");
        }
    }

    #[test]
    fn there_are_bounds() {
        let many = vec![("x", "1"); MAX_HEADERS + 1];
        assert_eq!(headers(&many), Err(HttpErrorKind::RequestTooLarge));
        let large = "x".repeat(MAX_HEADER_BYTES);
        assert_eq!(headers(&[("x", &large)]), Err(HttpErrorKind::RequestTooLarge));
        assert!(headers(&many[1..]).is_ok());
    }
}
