//! Names of headers that a host may fill in.

use thiserror::Error;

/// Maximum length of a name.
const MAX_NAME: usize = 64;

/// Headers by which a client and a server agree where a request ends and who gets it. A value that the operator does not
/// see as text there could make two requests of one.
const OF_THE_CONNECTION: [&str; 9] =
    ["connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// Why a text is not the name of such a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// It is not the name of a header.
    #[error("write the name of a header, for example `authorization`")]
    Name,
    /// The header belongs to the connection.
    #[error("this header belongs to the connection, and cannot carry a secret")]
    OfTheConnection,
}

/// Returns the name of a header in lower case, if a secret may be put into it.
pub fn header_name(text: &str) -> Result<String, HeaderError> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || text.len() > MAX_NAME || !text.bytes().all(is_token) {
        return Err(HeaderError::Name);
    }
    let name = text.to_ascii_lowercase();
    let is_of_connection = OF_THE_CONNECTION.contains(&name.as_str()) || name.starts_with("proxy-");
    if is_of_connection { Err(HeaderError::OfTheConnection) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_into_an_ordinary_header() {
        assert_eq!(header_name("X-Api-Key"), Ok("x-api-key".to_owned()));
        for name in ["", "a b", "a:b", "ü", "a\r\nb"] {
            assert_eq!(header_name(name), Err(HeaderError::Name), "{name:?}");
        }
        for name in ["Host", "content-length", "Proxy-Authorization", "TE"] {
            assert_eq!(header_name(name), Err(HeaderError::OfTheConnection), "{name}");
        }
    }
}
