//! Secrets by placeholder. A guest writes `$SECRET.name` into the value of a header; the host puts the value in when it
//! sends the request to an origin that may get it. For a secret that signs, the guest writes `$HMAC.name`, and the host
//! puts in the signature of the request. What comes back from such an origin is searched for the value (`redaction`).

use std::borrow::Cow;
use std::fmt;

use http::{HeaderMap, HeaderValue};
use saggar_grant::{HttpGranted, SecretGrant, Signing};

use crate::exchange::{HttpError, HttpErrorKind};
use crate::headers::MAX_HEADER_BYTES;
use crate::placeholder::{PLACEHOLDER, Placeholder, SIGNATURE_PLACEHOLDER, Stands};
use crate::redaction::Redaction;
use crate::signature::sign;
use crate::target::Target;

/// Maximum signatures of one request: with a key, and with the one that replaces it. Each reads the whole body.
const MAX_SIGNATURES: usize = 2;

/// The values of the secrets of one app, which never leave this crate but in requests.
#[derive(Default)]
pub struct Secrets(Vec<Secret>);

struct Secret {
    grant: SecretGrant,
    value: String,
    redaction: Redaction,
}

impl Secrets {
    /// Creates the secrets of an app: what the operator grants, and the values. A value is 8 bytes or more of visible ASCII.
    pub(crate) fn new(values: impl IntoIterator<Item = (SecretGrant, String)>) -> Self {
        let secret = |(grant, value): (SecretGrant, String)| {
            let redaction = Redaction::of(&value, &format!("{PLACEHOLDER}{}", grant.name));
            Secret { grant, value, redaction }
        };
        Self(values.into_iter().map(secret).collect())
    }

    /// Puts values and signatures into the headers of a request. Fails if a placeholder is anywhere where the secret may not
    /// go.
    pub(crate) fn fill(
        &self,
        granted: &HttpGranted,
        target: &Target,
        headers: &mut HeaderMap,
        body: &[u8],
    ) -> Result<(), HttpError> {
        if Placeholder::is_in(target.path.as_str().as_bytes()) {
            let message = "a URL has the placeholder of a secret, which goes into headers only: URLs are kept in logs";
            return Err(HttpError::invalid_request(message));
        }
        if !has_placeholders(headers) {
            return Ok(());
        }
        let written = headers.clone();
        let (signatures, room) = (Vec::new(), MAX_HEADER_BYTES);
        let mut filling = Filling { secrets: self, granted, target, written: &written, body, signatures, room };
        for (name, value) in headers.iter_mut() {
            if Placeholder::is_in(value.as_bytes()) {
                let filled = filling.filled(name.as_str(), value.as_bytes())?;
                let Ok(mut filled) = HeaderValue::from_bytes(&filled) else {
                    return Err(HttpError::invalid_request(format!("the header `{name}` has an invalid value")));
                };
                filled.set_sensitive(true);
                *value = filled;
            }
        }
        Ok(())
    }

    /// Returns what has to be removed from the responses of an origin: the values of all secrets of the app that it may have
    /// got, with this request or with an earlier one, also of another task. An origin that checks signatures has their secret.
    pub(crate) fn redactions(&self, target: &Target) -> Vec<&Redaction> {
        let may_know = |secret: &&Secret| {
            let grant = &secret.grant;
            grant.origins.iter().any(|origin| origin.matches(target.scheme, &target.host, target.port))
        };
        self.0.iter().filter(may_know).map(|secret| &secret.redaction).collect()
    }
}

/// Returns whether the value of a header has a placeholder.
pub(crate) fn has_placeholders(headers: &HeaderMap) -> bool {
    headers.values().any(|value| Placeholder::is_in(value.as_bytes()))
}

/// A request whose placeholders are being replaced.
struct Filling<'a> {
    secrets: &'a Secrets,
    granted: &'a HttpGranted,
    target: &'a Target,
    /// The headers as the guest wrote them.
    written: &'a HeaderMap,
    body: &'a [u8],
    /// The names of secrets, and the signatures that were made with them.
    signatures: Vec<(&'a str, String)>,
    /// Bytes that may still be filled in. A placeholder can be shorter than its value by a thousand times, and a request can
    /// have thousands of them.
    room: usize,
}

impl<'a> Filling<'a> {
    /// Returns the value of a header with all its placeholders replaced; fails if there is no room for it.
    fn filled(&mut self, header: &str, text: &[u8]) -> Result<Vec<u8>, HttpError> {
        let mut filled = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(placeholder) = Placeholder::first(rest) {
            let Placeholder { stands, name, before, after } = placeholder;
            filled.extend_from_slice(before);
            filled.extend_from_slice(self.replacement(stands, header, name)?.as_bytes());
            if filled.len() > self.room {
                break;
            }
            rest = after;
        }
        filled.extend_from_slice(rest);
        let Some(room) = self.room.checked_sub(filled.len()) else {
            let message =
                format!("with its secrets, the headers of the request have more than {MAX_HEADER_BYTES} bytes");
            return Err(HttpError::new(HttpErrorKind::RequestTooLarge, message));
        };
        self.room = room;
        Ok(filled)
    }

    fn replacement(&mut self, stands: Stands, header: &str, name: &str) -> Result<Cow<'a, str>, HttpError> {
        let grant = self.granted_in(stands, header, name)?;
        let secret = self.secrets.0.iter().find(|secret| secret.grant.name == name);
        let Some(secret) = secret else {
            return Err(HttpError::not_granted(format!("the host has no value for the secret `{name}`")));
        };
        match (stands, &grant.signing) {
            (Stands::ForValue, None) => Ok(Cow::Borrowed(secret.value.as_str())),
            (Stands::ForSignature, Some(signing)) => self.signature(grant, signing, &secret.value).map(Cow::Owned),
            (Stands::ForValue, Some(_)) => Err(HttpError::not_granted(format!(
                "the secret `{name}` signs requests, and is not sent: write `{SIGNATURE_PLACEHOLDER}{name}`"
            ))),
            (Stands::ForSignature, None) => Err(HttpError::not_granted(format!(
                "the secret `{name}` signs no requests: the operator does not grant `sign` for it"
            ))),
        }
    }

    /// Returns the secret, if the task may use it in this header of this request.
    fn granted_in(&self, stands: Stands, header: &str, name: &str) -> Result<&'a SecretGrant, HttpError> {
        let (granted, target) = (self.granted, self.target);
        let Some(grant) = granted.secret(name) else {
            let message = format!(
                "the request has the placeholder `{}{name}`, and the task does not request the secret `{name}`: add it to \
                 `sandbox.secrets`",
                stands.prefix()
            );
            return Err(HttpError::not_granted(message));
        };
        if !grant.may_go_to(target.scheme, &target.host, target.port, header) {
            let origins: Vec<_> = grant.origins.iter().map(ToString::to_string).collect();
            let message = format!(
                "the secret `{name}` may go to {} in the header `{}`, and not to {} in the header `{header}`",
                origins.join(", "),
                grant.header,
                target.origin()
            );
            return Err(HttpError::not_granted(message));
        }
        Ok(grant)
    }

    /// Returns the signature that a secret makes. It is the same at each place of a request, so it is made once.
    fn signature(&mut self, grant: &'a SecretGrant, signing: &Signing, key: &str) -> Result<String, HttpError> {
        if let Some((_, signature)) = self.signatures.iter().find(|(name, _)| *name == grant.name) {
            return Ok(signature.clone());
        }
        if self.signatures.len() >= MAX_SIGNATURES {
            let message = format!("a request may have signatures of {MAX_SIGNATURES} secrets");
            return Err(HttpError::invalid_request(message));
        }
        let signature = sign(signing, key, self.written, self.body)?;
        self.signatures.push((grant.name.as_str(), signature.clone()));
        Ok(signature)
    }
}

/// Shows names only.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|secret| &secret.grant.name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use saggar_grant::{Methods, OriginPattern, SecretSource, SignatureAlgorithm, SignatureEncoding, SignedMessage};

    use super::*;

    const VALUE: &str = "sk_live_0123456789";

    fn grant(name: &str, origin: &str, header: &str) -> SecretGrant {
        let origins = vec![OriginPattern::parse(origin).unwrap()];
        let source = SecretSource::Env("X".into());
        SecretGrant { name: name.into(), source, origins, header: header.into(), signing: None }
    }

    /// Returns a secret that signs the body.
    fn signing(name: &str) -> SecretGrant {
        let signing = Signing {
            algorithm: SignatureAlgorithm::HmacSha256,
            encoding: SignatureEncoding::Hex,
            message: SignedMessage::default(),
        };
        SecretGrant { signing: Some(signing), ..grant(name, "https://api.stripe.com", "x-signature") }
    }

    fn fill(url: &str, header: &str, text: &str) -> Result<String, HttpErrorKind> {
        let stripe = grant("stripe", "https://api.stripe.com", "authorization");
        let unused = grant("unused", "https://api.stripe.com", "authorization");
        let in_force = [stripe, signing("hook"), signing("next"), signing("third")];
        let values = in_force.iter().cloned().chain([unused]).map(|grant| (grant, VALUE.to_owned()));
        let secrets = Secrets::new(values);
        let origins = vec![OriginPattern::parse("https://*").unwrap()];
        let granted = HttpGranted { origins, methods: Methods::ALL, networks: Vec::new(), secrets: in_force.to_vec() };
        let mut headers = HeaderMap::new();
        headers.insert(http::HeaderName::from_bytes(header.as_bytes()).unwrap(), HeaderValue::from_str(text).unwrap());
        let filled = secrets.fill(&granted, &Target::parse(url).unwrap(), &mut headers, b"{}");
        filled.map_err(|error| {
            assert!(!error.message.contains(VALUE), "{error}");
            error.kind
        })?;
        assert!(headers.values().all(|value| !value.as_bytes().ends_with(VALUE.as_bytes()) || value.is_sensitive()));
        Ok(headers.values().next().unwrap().to_str().unwrap().to_owned())
    }

    #[test]
    fn a_placeholder_becomes_the_value_where_it_may_go() {
        let url = "https://api.stripe.com/v1/charges";
        assert_eq!(fill(url, "authorization", "Bearer $SECRET.stripe"), Ok(format!("Bearer {VALUE}")));
        assert_eq!(fill(url, "Authorization", "$SECRET.stripe"), Ok(VALUE.to_owned()));
        assert_eq!(fill(url, "authorization", "$SECRET.stripe,$SECRET.stripe"), Ok(format!("{VALUE},{VALUE}")));
        assert_eq!(fill(url, "x-other", "nothing $SECRET to do"), Ok("nothing $SECRET to do".to_owned()));
    }

    #[test]
    fn values_do_not_make_headers_larger_than_they_may_be() {
        let url = "https://api.stripe.com/";
        let most = MAX_HEADER_BYTES / VALUE.len();
        assert!(fill(url, "authorization", &"$SECRET.stripe".repeat(most)).is_ok());
        let more = "$SECRET.stripe".repeat(most + 1);
        assert_eq!(fill(url, "authorization", &more), Err(HttpErrorKind::RequestTooLarge));
    }

    #[test]
    fn a_signing_secret_signs_and_is_not_sent() {
        let url = "https://api.stripe.com/v1/charges";
        let signature = "2021c9508ec6f38e99b2863616db9391e03155b018c6e7cb8f2cbfc27d7f4ad8";
        assert_eq!(fill(url, "x-signature", "v1=$HMAC.hook"), Ok(format!("v1={signature}")));
        assert_eq!(fill(url, "x-signature", "$HMAC.hook,$HMAC.next"), Ok(format!("{signature},{signature}")));
        for (url, header, text) in [
            (url, "x-signature", "$SECRET.hook"),
            (url, "authorization", "$HMAC.stripe"),
            (url, "authorization", "$HMAC.hook"),
            (url, "x-signature", "$HMAC.unknown"),
            ("https://evil.example/", "x-signature", "$HMAC.hook"),
        ] {
            assert_eq!(fill(url, header, text), Err(HttpErrorKind::NotGranted), "{url} {header} {text}");
        }
        let three = fill(url, "x-signature", "$HMAC.hook,$HMAC.next,$HMAC.third");
        assert_eq!(three, Err(HttpErrorKind::InvalidRequest));
    }

    #[test]
    fn a_placeholder_elsewhere_is_refused() {
        for (url, header, text) in [
            ("https://api.stripe.com/", "x-echo", "$SECRET.stripe"),
            ("https://api.stripe.com:444/", "authorization", "$SECRET.stripe"),
            ("https://evil.example/", "authorization", "$SECRET.stripe"),
            ("http://api.stripe.com/", "authorization", "$SECRET.stripe"),
            ("https://api.stripe.com.evil.example/", "authorization", "$SECRET.stripe"),
            ("https://api.stripe.com/", "authorization", "$SECRET.unused"),
            ("https://api.stripe.com/", "authorization", "$SECRET.unknown"),
            ("https://api.stripe.com/", "authorization", "$SECRET."),
            ("https://api.stripe.com/", "authorization", "$SECRET.stripes"),
        ] {
            assert_eq!(fill(url, header, text), Err(HttpErrorKind::NotGranted), "{url} {header} {text}");
        }
        for url in ["https://api.stripe.com/?key=$SECRET.stripe", "https://api.stripe.com/$HMAC.hook"] {
            assert_eq!(fill(url, "authorization", "x"), Err(HttpErrorKind::InvalidRequest), "{url}");
        }
    }

    #[test]
    fn debugging_shows_names_only() {
        let secrets = Secrets::new([(grant("stripe", "https://a", "x"), VALUE.into())]);
        assert_eq!(format!("{secrets:?}"), r#"["stripe"]"#);
    }
}
