//! Placeholders of secrets in what a guest writes: `$SECRET.name` for the value, `$HMAC.name` for a signature.

use memchr::memmem;

/// What the placeholder of a value begins with; the name of the secret follows.
pub const PLACEHOLDER: &str = "$SECRET.";

/// What the placeholder of a signature begins with; the name of the secret follows.
pub const SIGNATURE_PLACEHOLDER: &str = "$HMAC.";

/// What takes the place of a placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stands {
    /// The value of the secret.
    ForValue,
    /// A signature that the secret makes.
    ForSignature,
}

/// The first placeholder of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placeholder<'a> {
    pub(crate) stands: Stands,
    /// The name of the secret, which can be empty.
    pub(crate) name: &'a str,
    pub(crate) before: &'a [u8],
    pub(crate) after: &'a [u8],
}

impl Stands {
    /// Returns what such a placeholder begins with.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::ForValue => PLACEHOLDER,
            Self::ForSignature => SIGNATURE_PLACEHOLDER,
        }
    }
}

impl<'a> Placeholder<'a> {
    /// Finds the first placeholder.
    pub(crate) fn first(text: &'a [u8]) -> Option<Self> {
        let found = [Stands::ForValue, Stands::ForSignature].into_iter().filter_map(|stands| {
            let at = memmem::find(text, stands.prefix().as_bytes())?;
            Some((at, stands))
        });
        let (at, stands) = found.min_by_key(|(at, _)| *at)?;
        let rest = text.get(at + stands.prefix().len()..)?;
        let end = rest.iter().position(|byte| !is_name_byte(*byte)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        Some(Self { stands, name: std::str::from_utf8(name).ok()?, before: text.get(..at)?, after })
    }

    /// Returns whether a text has a placeholder.
    pub(crate) fn is_in(text: &[u8]) -> bool {
        Placeholder::first(text).is_some()
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_one_is_found() {
        let text = b"v1=$HMAC.hook,$SECRET.a.b";
        let first = Placeholder::first(text).unwrap();
        assert_eq!((first.stands, first.name, first.before), (Stands::ForSignature, "hook", &b"v1="[..]));
        let second = Placeholder::first(first.after).unwrap();
        assert_eq!((second.stands, second.name, second.before), (Stands::ForValue, "a", &b","[..]));
        assert_eq!((second.after, Placeholder::first(second.after)), (&b".b"[..], None));
        let nameless = Placeholder::first(b"$HMAC.\xff").unwrap();
        assert_eq!((nameless.name, nameless.after), ("", &b"\xff"[..]));
        assert!(!Placeholder::is_in(b"$SECRET $HMAC hmac."));
    }
}
