//! Removes the value of a secret from a response, so that a guest cannot read it back through a service that repeats
//! what it is sent: as it is, and in the encodings that such services use.

use std::borrow::Cow;

use bytes::Bytes;
use memchr::memmem;

use crate::base64;
use crate::exchange::{HttpError, HttpResponse};

/// Minimum bytes of a text that is searched for. Shorter ones would occur by chance.
pub(crate) const MIN_BYTES: usize = 8;

/// The texts that show one secret, and what takes their place.
pub(crate) struct Redaction {
    /// The longest first, because one can contain another.
    texts: Vec<Vec<u8>>,
    replacement: Vec<u8>,
}

impl Redaction {
    /// Creates the redaction of a value.
    pub(crate) fn of(value: &str, replacement: &str) -> Self {
        let parts = [value].into_iter().chain(value.split(' ').filter(|part| *part != value));
        let mut texts: Vec<_> = parts.flat_map(spellings).filter(|text| text.len() >= MIN_BYTES).collect();
        texts.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        texts.dedup();
        Self { texts, replacement: replacement.as_bytes().to_vec() }
    }

    /// Replaces every text that shows the secret. Fails if the result has more than `most` bytes, because a placeholder can
    /// be longer than its value.
    fn replace<'a>(&self, mut bytes: Cow<'a, [u8]>, most: usize) -> Result<Cow<'a, [u8]>, HttpError> {
        for text in &self.texts {
            if let Some(replaced) = replace_all(&bytes, text, &self.replacement, most)? {
                bytes = Cow::Owned(replaced);
            }
        }
        Ok(bytes)
    }
}

/// Returns a part of the value as it is, and in other encodings.
fn spellings(part: &str) -> Vec<Vec<u8>> {
    let bytes = part.as_bytes();
    let mut all =
        vec![bytes.to_vec(), json(part, false), json(part, true), percent(bytes, false), percent(bytes, true)];
    all.extend([hexadecimal(bytes, false), hexadecimal(bytes, true)]);
    for before in 0..3 {
        let text = base64::middle(bytes, before);
        all.extend([base64::for_urls(&text), text]);
    }
    all
}

/// As in a JSON string. Some writers escape `/`.
fn json(text: &str, escapes_slash: bool) -> Vec<u8> {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    let escaped = if escapes_slash { escaped.replace('/', "\\/") } else { escaped };
    escaped.into_bytes()
}

/// As in a URL or a form.
fn percent(bytes: &[u8], is_upper: bool) -> Vec<u8> {
    let encode = |byte: &u8| {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
        if is_plain { vec![*byte] } else { [b"%".to_vec(), hexadecimal(&[*byte], is_upper)].concat() }
    };
    bytes.iter().flat_map(encode).collect()
}

fn hexadecimal(bytes: &[u8], is_upper: bool) -> Vec<u8> {
    let text = |byte: &u8| if is_upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
    bytes.iter().map(text).collect::<String>().into_bytes()
}

/// Returns `None` if `text` does not occur.
fn replace_all(bytes: &[u8], text: &[u8], replacement: &[u8], most: usize) -> Result<Option<Vec<u8>>, HttpError> {
    let (mut replaced, mut copied) = (Vec::new(), 0);
    for at in memmem::find_iter(bytes, text) {
        replaced.extend_from_slice(bytes.get(copied..at).unwrap_or_default());
        replaced.extend_from_slice(replacement);
        copied = at + text.len();
        if replaced.len() > most {
            return Err(HttpError::response_too_large(most));
        }
    }
    if copied == 0 {
        return Ok(None);
    }
    replaced.extend_from_slice(bytes.get(copied..).unwrap_or_default());
    if replaced.len() > most { Err(HttpError::response_too_large(most)) } else { Ok(Some(replaced)) }
}

/// Removes secrets from a response. Fails if its body then has more than `max_body` bytes.
pub(crate) fn redact(
    response: HttpResponse,
    redactions: &[&Redaction],
    max_body: usize,
) -> Result<HttpResponse, HttpError> {
    let HttpResponse { status, headers, body } = response;
    let changed = match replace_each(redactions, Cow::Borrowed(&body[..]), max_body)? {
        Cow::Borrowed(_) => None,
        Cow::Owned(changed) => Some(changed),
    };
    let has_changed = changed.is_some();
    let body = changed.map_or(body, Bytes::from);
    // The headers of a response are bounded, and so is what they become.
    let header = |(name, value): (String, Vec<u8>)| -> Result<(String, Vec<u8>), HttpError> {
        let name = replace_each(redactions, Cow::Owned(name.into_bytes()), usize::MAX)?;
        let name = String::from_utf8_lossy(&name).into_owned();
        if has_changed && name == "content-length" {
            return Ok((name, body.len().to_string().into_bytes()));
        }
        Ok((name, replace_each(redactions, Cow::Owned(value), usize::MAX)?.into_owned()))
    };
    let headers = headers.into_iter().map(header).collect::<Result<_, _>>()?;
    Ok(HttpResponse { status, headers, body })
}

fn replace_each<'a>(redactions: &[&Redaction], bytes: Cow<'a, [u8]>, most: usize) -> Result<Cow<'a, [u8]>, HttpError> {
    redactions.iter().try_fold(bytes, |bytes, redaction| redaction.replace(bytes, most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HttpErrorKind;

    fn redacted(value: &str, body: &str) -> String {
        let redaction = Redaction::of(value, "$SECRET.it");
        let headers = vec![
            ("x-echo".to_owned(), body.as_bytes().to_vec()),
            ("content-length".to_owned(), body.len().to_string().into_bytes()),
        ];
        let response = HttpResponse { status: 200, headers, body: Bytes::copy_from_slice(body.as_bytes()) };
        let response = redact(response, &[&redaction], 1000).unwrap();
        let text = String::from_utf8(response.body.to_vec()).unwrap();
        assert_eq!(response.headers[0].1, text.as_bytes());
        assert_eq!(response.headers[1].1, text.len().to_string().as_bytes());
        text
    }

    #[test]
    fn every_occurrence_is_replaced() {
        let value = "sk_live_0123456789";
        assert_eq!(redacted(value, &format!("{value} and {value}!")), "$SECRET.it and $SECRET.it!");
        assert_eq!(redacted(value, "nothing"), "nothing");
        assert_eq!(redacted("Bearer 0123456789", "token: 0123456789"), "token: $SECRET.it");
    }

    #[test]
    fn a_body_does_not_become_larger_than_it_may_be() {
        let redaction = Redaction::of("01234567", "$SECRET.longer");
        let redacted = |max_body| {
            let body = Bytes::from("01234567".repeat(10) + "end");
            redact(HttpResponse { status: 200, headers: Vec::new(), body }, &[&redaction], max_body)
        };
        let most = "$SECRET.longer".len() * 10 + "end".len();
        assert_eq!(redacted(most).unwrap().body.len(), most);
        for less in [most - 1, most - 4] {
            assert_eq!(redacted(less).unwrap_err().kind, HttpErrorKind::ResponseTooLarge, "{less}");
        }
    }

    #[test]
    fn common_encodings_are_replaced() {
        let value = r#"a"b/c\d+e f=0123456789"#;
        for shown in [
            r#"{"x":"a\"b/c\\d+e f=0123456789"}"#,
            r#"{"x":"a\"b\/c\\d+e f=0123456789"}"#,
            "a%22b%2Fc%5Cd%2Be%20f%3D0123456789",
            "a%22b%2fc%5cd%2be%20f%3d0123456789",
            "6122622f635c642b6520663d30313233343536373839",
            // base64 of the value, of `u:` and the value, and of `abcd` and the value.
            "YSJiL2NcZCtlIGY9MDEyMzQ1Njc4OQ==",
            "dTphImIvY1xkK2UgZj0wMTIzNDU2Nzg5",
            "YWJjZGEiYi9jXGQrZSBmPTAxMjM0NTY3ODk=",
        ] {
            let text = redacted(value, shown);
            assert!(text.contains("$SECRET.it"), "{shown}: {text}");
            assert!(!text.contains("MTIzNDU2Nz") && !text.contains("345678"), "{shown}: {text}");
        }
    }
}
