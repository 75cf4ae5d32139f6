//! Makes text from guests safe to display: limits its length, and escapes control characters that a terminal or a log
//! would interpret.

use std::borrow::Cow;

/// Truncates `text` to at most `max` bytes, at a character boundary.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let end = (0..=max).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    &text[..end]
}

/// Escapes control characters, and characters that change the text direction or are invisible, as `\u{1b}` and the
/// like. Keeps tabs.
pub fn escaped(text: &str) -> Cow<'_, str> {
    escape(text, needs_escape)
}

/// Like [`escaped`], but keeps line ends.
pub(crate) fn escaped_lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| c != '\n' && needs_escape(c))
}

fn escape(text: &str, needs_escape: fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(needs_escape) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if needs_escape(c) { clean.extend(c.escape_unicode()) } else { clean.push(c) }
    }
    Cow::Owned(clean)
}

/// Returns whether a terminal interprets or hides this character instead of showing it. Tabs are safe.
pub fn needs_escape(c: char) -> bool {
    let is_direction =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_line_end = matches!(c, '\u{2028}' | '\u{2029}');
    let is_invisible = matches!(
        c,
        '\u{ad}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    );
    (c.is_control() && c != '\t') || is_direction || is_line_end || is_invisible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_a_character_boundary() {
        assert_eq!(cut("añb", 2), "a");
        assert_eq!(cut("añb", 3), "añ");
        assert_eq!(cut("añb", 99), "añb");
        assert_eq!(cut("ñ", 0), "");
    }

    #[test]
    fn control_and_direction_characters_are_escaped() {
        assert_eq!(escaped("\u{1b}[2Jhi\tyou"), "\\u{1b}[2Jhi\tyou");
        assert_eq!(escaped("a\u{202e}b\r"), "a\\u{202e}b\\u{d}");
        for invisible in ["\u{61c}", "\u{ad}", "\u{180e}", "\u{200b}", "\u{2028}", "\u{2069}", "\u{fffa}", "\u{e0041}"]
        {
            let expected: String = invisible.escape_unicode().collect();
            assert_eq!(escaped(&format!("a{invisible}b")), format!("a{expected}b"));
        }
        assert!(matches!(escaped("plain ünïcode"), Cow::Borrowed(_)));
    }
}
