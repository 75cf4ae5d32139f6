//! Signatures of requests: HMAC over what the operator says, with a secret as the key.

use http::HeaderMap;
use ring::hmac;
use saggar_grant::{MessagePart, SignatureAlgorithm, SignatureEncoding, Signing};

use crate::base64;
use crate::exchange::HttpError;
use crate::placeholder::Placeholder;

/// Signs a request, of which these are the headers as the guest wrote them.
pub(crate) fn sign(signing: &Signing, key: &str, headers: &HeaderMap, body: &[u8]) -> Result<String, HttpError> {
    let algorithm = match signing.algorithm {
        SignatureAlgorithm::HmacSha256 => hmac::HMAC_SHA256,
        SignatureAlgorithm::HmacSha512 => hmac::HMAC_SHA512,
    };
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key.as_bytes()));
    for part in signing.message.parts() {
        context.update(match part {
            MessagePart::Text(text) => text.as_bytes(),
            MessagePart::Header(name) => signed_header(headers, name)?,
            MessagePart::Body => body,
        });
    }
    let tag = context.sign();
    Ok(match signing.encoding {
        SignatureEncoding::Hex => tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
        SignatureEncoding::Base64 => base64::encode(tag.as_ref()),
    })
}

/// Returns the value of a header that is signed. There must be one, so that the server cannot take another one for it.
fn signed_header<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a [u8], HttpError> {
    let mut values = headers.get_all(name).iter();
    let why = match (values.next(), values.next()) {
        (Some(value), None) if !Placeholder::is_in(value.as_bytes()) => return Ok(value.as_bytes()),
        (Some(_), None) => "has the placeholder of a secret in it",
        (Some(_), Some(_)) => "is there more than once",
        (None, _) => "is missing",
    };
    let message = format!("the request is signed together with its header `{name}`, which {why}");
    Err(HttpError::invalid_request(message))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use saggar_grant::SignedMessage;

    use super::*;
    use crate::HttpErrorKind;

    fn signing(algorithm: SignatureAlgorithm, encoding: SignatureEncoding, message: &str) -> Signing {
        Signing { algorithm, encoding, message: SignedMessage::parse(message).unwrap() }
    }

    fn headers(headers: &[(&str, &str)]) -> HeaderMap {
        let header = |(name, value): &(&str, &str)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers.iter().map(header) {
            map.append(name, value);
        }
        map
    }

    /// The vectors of RFC 4231, case 2.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let message = "{body}";
        for (algorithm, encoding, signature) in [
            (
                SignatureAlgorithm::HmacSha256,
                SignatureEncoding::Hex,
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (SignatureAlgorithm::HmacSha256, SignatureEncoding::Base64, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="),
            (
                SignatureAlgorithm::HmacSha512,
                SignatureEncoding::Hex,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
        ] {
            let signing = signing(algorithm, encoding, message);
            let signed = sign(&signing, "Jefe", &HeaderMap::new(), b"what do ya want for nothing?");
            assert_eq!(signed.as_deref(), Ok(signature));
        }
    }

    #[test]
    fn headers_are_part_of_the_message() {
        let whole = signing(SignatureAlgorithm::HmacSha256, SignatureEncoding::Hex, "{body}");
        let expected = sign(&whole, "key", &HeaderMap::new(), b"v0:17:{}");
        let parts = signing(SignatureAlgorithm::HmacSha256, SignatureEncoding::Hex, "v0:{x-time}:{body}");
        assert_eq!(sign(&parts, "key", &headers(&[("X-Time", "17")]), b"{}"), expected);
        for (sent, why) in [
            (&[][..], "missing"),
            (&[("x-time", "1"), ("x-time", "2")], "more than once"),
            (&[("x-time", "$SECRET.a")], "placeholder"),
            (&[("x-time", "$HMAC.a")], "placeholder"),
        ] {
            let error = sign(&parts, "key", &headers(sent), b"{}").expect_err(why);
            assert_eq!(error.kind, HttpErrorKind::InvalidRequest);
            assert!(error.message.contains("`x-time`") && error.message.contains(why), "{error}");
        }
    }
}
