//! What is replaced in a text: blanks and single characters, so that everything else keeps its place.

use std::ops::Range;

/// What happens to the character that begins at a byte: `KEEP`, `BLANK`, or an ASCII character that replaces it.
const KEEP: u8 = 0;
const BLANK: u8 = b' ';

/// The changes of a text.
pub(crate) struct Edits<'t> {
    pub(crate) text: &'t str,
    /// For each byte.
    changes: Vec<u8>,
}

impl<'t> Edits<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, changes: vec![KEEP; text.len()] }
    }

    /// Blanks a range. Characters that were put into it stay.
    pub(crate) fn blank(&mut self, range: Range<usize>) {
        let changes = self.changes.get_mut(range).unwrap_or_default();
        changes.iter_mut().filter(|change| **change == KEEP).for_each(|change| *change = BLANK);
    }

    /// Replaces the character that begins at a byte. The text has a visible character there.
    pub(crate) fn put(&mut self, at: usize, character: u8) {
        if let Some(change) = self.changes.get_mut(at) {
            *change = character;
        }
    }

    /// Replaces the last character of a range.
    pub(crate) fn put_last(&mut self, range: Range<usize>, character: u8) {
        if let Some((at, _)) = self.text.get(range.clone()).and_then(|text| text.char_indices().next_back()) {
            self.put(range.start + at, character);
        }
    }

    /// Whether the character that ends at a byte is blanked.
    pub(crate) fn is_blanked_before(&self, end: usize) -> bool {
        end > 0 && self.changes.get(end - 1) == Some(&BLANK)
    }

    /// Returns the changed text. Every character becomes one character; line ends stay.
    pub(crate) fn apply(&self) -> String {
        let replace = |(at, character): (usize, char)| match self.changes[at] {
            KEEP => character,
            _ if character.is_whitespace() => character,
            change => char::from(change),
        };
        self.text.char_indices().map(replace).collect()
    }
}
