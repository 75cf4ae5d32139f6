//! Finds tokens between the nodes of the syntax tree.

/// Returns where the next token begins: after blanks and comments.
pub(crate) fn skip(text: &str, from: usize) -> usize {
    let mut at = from;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let trimmed = rest.trim_start();
        at += rest.len() - trimmed.len();
        let comment = if trimmed.starts_with("//") {
            trimmed.find(['\n', '\r', '\u{2028}', '\u{2029}']).unwrap_or(trimmed.len())
        } else if trimmed.starts_with("/*") {
            trimmed.find("*/").map_or(trimmed.len(), |end| end + 2)
        } else {
            return at;
        };
        at += comment;
    }
}

/// Returns where this token is, if it is the next one.
pub(crate) fn next_is(text: &str, from: usize, token: &str) -> Option<usize> {
    let at = skip(text, from);
    text[at..].starts_with(token).then_some(at)
}

/// Returns the keyword or name that begins at a byte; empty if another token does.
pub(crate) fn word(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    let end = rest.find(|character: char| !character.is_ascii_alphanumeric() && character != '_' && character != '$');
    &rest[..end.unwrap_or(rest.len())]
}

/// Whether a part of the text has a line end, which the language does not allow in some places.
pub(crate) fn has_line_end(text: &str) -> bool {
    text.contains(['\n', '\r', '\u{2028}', '\u{2029}'])
}
