//! Positions in a text: spans, lines and columns. `diagnostic` owns the messages about a position.

use serde::Serialize;

/// A part of a text, in bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

/// A value and the part of the task file that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its span in the [`Source`] of its task.
    pub span: Span,
}

/// A position as people count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
    /// The position in bytes.
    pub span: Span,
}

/// A file and its text, retained while a message may show a line of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The path relative to the app's directory, with `/` on every system.
    pub file: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// Returns the line and column of `span`. A span outside the text is clamped to the nearest position in it.
    pub fn position(&self, span: Span) -> Position {
        let span = self.clamp(span);
        let before = self.text.get(..span.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count();
        let column = before.get(line_start..).unwrap_or_default().chars().count();
        Position { line: one_based(line), column: one_based(column), span }
    }

    /// Returns the span of the character at a line and column, both from 1. It is empty at the end of a line, and at the
    /// nearest position if there is no such character.
    pub fn span_at(&self, line: u32, column: u32) -> Span {
        let skipped = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
        let start = match skipped {
            0 => 0,
            _ => self.text.match_indices('\n').nth(skipped - 1).map_or(self.text.len(), |(newline, _)| newline + 1),
        };
        let line = self.text.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
        let column = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
        match line.char_indices().nth(column) {
            Some((at, character)) => Span { start: start + at, end: start + at + character.len_utf8() },
            None => Span { start: start + line.len(), end: start + line.len() },
        }
    }

    /// Returns the part of `span` on its first line, to underline a value of many lines.
    pub(crate) fn first_line(&self, span: Span) -> Span {
        let span = self.clamp(span);
        let text = self.text.get(span.start..span.end).unwrap_or_default();
        let length = text.find(['\n', '\r']).unwrap_or(text.len());
        Span { start: span.start, end: span.start + length }
    }

    fn clamp(&self, span: Span) -> Span {
        let start = self.text.floor_char_boundary(span.start);
        Span { start, end: self.text.floor_char_boundary(span.end).max(start) }
    }
}

/// Converts an index from 0 to a count from 1.
fn one_based(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, start: usize) -> (u32, u32) {
        let source = Source { file: String::new(), text: text.into() };
        let position = source.position(Span { start, end: start });
        (position.line, position.column)
    }

    #[test]
    fn columns_count_characters_and_lines_count_from_one() {
        assert_eq!(at("", 0), (1, 1));
        assert_eq!(at("ab\ncd", 4), (2, 2));
        assert_eq!(at("测试x", 6), (1, 3));
        assert_eq!(at("a\r\nb", 3), (2, 1));
    }

    #[test]
    fn a_line_and_a_column_have_a_span() {
        let source = Source { file: String::new(), text: "ab\r\n测试x\n".into() };
        let at = |line, column| {
            let Span { start, end } = source.span_at(line, column);
            (start, end)
        };
        assert_eq!(at(1, 1), (0, 1));
        assert_eq!(at(1, 9), (2, 2), "the end of the line");
        assert_eq!(at(2, 2), (7, 10));
        assert_eq!((at(0, 0), at(99, 99)), ((0, 1), (12, 12)));
        assert_eq!(source.position(source.span_at(2, 3)).column, 3);
    }

    #[test]
    fn a_span_outside_of_the_text_is_clamped_to_it() {
        assert_eq!(at("ab", 99), (1, 3));
        assert_eq!(at("测", 1), (1, 1));
    }
}
