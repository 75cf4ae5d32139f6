//! Masks secrets in text that is shown. A digest is not secret, but a token may be given in its place by mistake, and
//! must not appear in the log of a service. Messages therefore show a copy of the source text with stars for such
//! values.

/// Words in a key's name that mark its value as secret.
const WORDS: [&str; 5] = ["token", "sha256", "secret", "passw", "digest"];

/// Runs of at least this many hexadecimal digits may be a digest.
const MIN_DIGEST: usize = 32;

/// How many digits of a digest remain readable.
const READABLE_DIGITS: usize = 8;

/// The separator before the authority of a URL, which may begin with a user and a password.
const SCHEME_END: &[u8] = b"://";

/// Returns the text with stars for the values of keys that may be secret, and for most of each possible digest. The
/// length remains the same. The text need not be UTF-8; valid UTF-8 remains valid.
pub(crate) fn masked(text: &[u8]) -> Vec<u8> {
    let mut masked = text.to_vec();
    let mut at = 0;
    while at < text.len() {
        if text.get(at..).unwrap_or_default().starts_with(SCHEME_END) {
            at += SCHEME_END.len();
            let authority = run(text, at, |byte| !matches!(byte, b'/' | b'"' | b'\'') && !byte.is_ascii_whitespace());
            let user = text.get(at..at + authority).unwrap_or_default().iter().rposition(|byte| *byte == b'@');
            mask(&mut masked, at, at + user.unwrap_or(0));
            at += user.unwrap_or(0);
            continue;
        }
        let word = run(text, at, is_name);
        if word == 0 {
            at += 1;
            continue;
        }
        let name = String::from_utf8_lossy(text.get(at..at + word).unwrap_or_default()).to_ascii_lowercase();
        if word >= MIN_DIGEST && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            mask(&mut masked, at + READABLE_DIGITS, at + word);
        }
        at += word;
        if WORDS.iter().any(|secret| name.contains(secret)) {
            let (start, end) = value_after(text, at, name.starts_with("--"));
            mask(&mut masked, start, end);
            at = end.max(at);
        }
    }
    masked
}

/// Like `masked`, for text.
pub(crate) fn masked_text(text: &str) -> String {
    String::from_utf8_lossy(&masked(text.as_bytes())).into_owned()
}

/// Returns start and end of the value after a name that ends at `at`; both are equal without a value, and for a table.
fn value_after(text: &[u8], at: usize, is_flag: bool) -> (usize, usize) {
    let at = at + run(text, at, |byte| byte == b'"' || byte == b'\'');
    let at = at + run(text, at, is_blank);
    let at = match text.get(at) {
        Some(b'=' | b':') => at + 1 + run(text, at + 1, is_blank),
        _ if is_flag => at,
        _ => return (at, at),
    };
    match text.get(at) {
        Some(b'[') => {
            let first = at + 1 + run(text, at + 1, |byte| byte.is_ascii_whitespace());
            // A list of texts is a value; a list of tables contains names of its own.
            match text.get(first) {
                Some(b'"' | b'\'') => (first, first + run(text, first, |byte| byte != b']')),
                _ => (at, at),
            }
        }
        Some(b'{') => (at, at),
        Some(&quote @ (b'"' | b'\'')) => {
            let quotes = run(text, at, |byte| byte == quote);
            let start = at + quotes;
            match quotes {
                1 => (start, start + run(text, start, |byte| byte != quote && byte != b'\n')),
                3.. => (start, start + run(text, start, |byte| byte != quote)),
                _ => (start, start),
            }
        }
        _ => (at, at + run(text, at, |byte| byte != b'\n' && byte != b'#')),
    }
}

/// Returns the number of matching bytes from `at` on.
fn run(text: &[u8], at: usize, is_like: impl Fn(u8) -> bool) -> usize {
    text.get(at..).unwrap_or_default().iter().take_while(|byte| is_like(**byte)).count()
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Replaces a range with stars, except for the beginning of a digest.
fn mask(masked: &mut [u8], start: usize, end: usize) {
    let is_digest = |value: &[u8]| value.len() == 2 * MIN_DIGEST && value.iter().all(u8::is_ascii_hexdigit);
    let Some(value) = masked.get_mut(start..end) else { return };
    let shown = if is_digest(value) { READABLE_DIGITS } else { 0 };
    let hidden = value.iter_mut().skip(shown).filter(|byte| **byte != b'\n');
    hidden.for_each(|byte| *byte = b'*');
}

#[cfg(test)]
mod tests {
    use super::masked;

    fn text(text: &str) -> String {
        let masked = String::from_utf8(masked(text.as_bytes())).expect("masked text is UTF-8");
        assert_eq!(masked.len(), text.len());
        masked
    }

    #[test]
    fn secrets_are_masked_and_other_text_is_unchanged() {
        let digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
        let stars = "*".repeat(56);
        for (given, shown) in [
            ("listen = \"127.0.0.1:7717\"", "listen = \"127.0.0.1:7717\"".to_owned()),
            ("sha256 = \"geheim ü\" # x", format!("sha256 = \"{}\" # x", "*".repeat(9))),
            ("token = 'a'\nrole = \"admin\"", "token = '*'\nrole = \"admin\"".to_owned()),
            ("[[token]]\nrole = \"admin\"", "[[token]]\nrole = \"admin\"".to_owned()),
            (
                "token = [{ role = \"admin\", sha256 = \"s\" }]",
                "token = [{ role = \"admin\", sha256 = \"*\" }]".to_owned(),
            ),
            ("Password: hunter2", "Password: *******".to_owned()),
            ("\"my-secret\" = \"\"\"a\nb\"\"\"", "\"my-secret\" = \"\"\"*\n*\"\"\"".to_owned()),
            ("tokens = [\n 'a',\n]", "tokens = [\n ****\n]".to_owned()),
            ("sha256 = ", "sha256 = ".to_owned()),
            ("sha256 = \"\"", "sha256 = \"\"".to_owned()),
            (&format!("sha256 = \"{digest}\""), format!("sha256 = \"2bb80d53{stars}\"")),
            (&format!("all = [\"admin:{digest}\"]"), format!("all = [\"admin:2bb80d53{stars}\"]")),
            ("--token admin:x", "--token *******".to_owned()),
            ("SAGGAR_TOKENS=a,b", "SAGGAR_TOKENS=***".to_owned()),
            ("\"https://me:pw@host/a@b\"", "\"https://*****@host/a@b\"".to_owned()),
            ("https://host/a@b", "https://host/a@b".to_owned()),
        ] {
            assert_eq!(text(given), shown);
        }
        assert_eq!(masked(b"token = \xff\xfe"), b"token = **");
    }
}
