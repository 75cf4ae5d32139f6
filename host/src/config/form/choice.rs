//! Words: one of a few, and what the log lets through.

use saggar_definition::nearest;
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

use super::{Form, Reader, Slot};

/// The levels of a log, from nothing to everything.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// One of a few words; the first is the default.
pub(crate) struct Choice<T: 'static>(pub(crate) &'static [(&'static str, T)]);

/// What the log lets through.
pub(crate) struct Filter {
    pub(crate) default: &'static str,
}

impl<T: Copy + PartialEq> Choice<T> {
    fn words(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(word, _)| *word)
    }
}

impl<T: Copy + PartialEq> Form for Choice<T> {
    type Value = T;

    fn wanted(&self) -> String {
        let words: Vec<String> = self.words().map(|word| format!("{word:?}")).collect();
        match words.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => words.join(""),
        }
    }

    fn example(&self) -> &'static str {
        self.words().next().unwrap_or_default()
    }

    fn fallback(&self) -> T {
        let (_, value) = self.0[0];
        value
    }

    fn read(&self, slot: &Slot<'_>, reader: &mut Reader) -> Option<T> {
        let text = reader.text(self, slot)?;
        if let Some((_, value)) = self.0.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        match nearest(text, self.words()) {
            Some(word) => reader.refuse_with(self, slot, format!("did you mean \"{word}\"?")),
            None => {
                let default = self.default_text();
                reader.refuse_with(self, slot, format!("leave `{}` out to have the default, \"{default}\"", slot.name))
            }
        }
    }

    fn shown(&self, value: &T) -> Value {
        json!(self.0.iter().find(|(_, one)| one == value).map(|(word, _)| word))
    }
}

impl Form for Filter {
    type Value = String;

    fn wanted(&self) -> String {
        "a level (error, warn, info, debug, trace or off), or levels by module".to_owned()
    }

    fn example(&self) -> &'static str {
        "\"info,saggar_worker=debug\""
    }

    fn fallback(&self) -> String {
        self.default.to_owned()
    }

    fn read(&self, slot: &Slot<'_>, reader: &mut Reader) -> Option<String> {
        let text = reader.text(self, slot)?.trim();
        let is_word = !text.contains(['=', ',', '[', ':']);
        // A word alone would be a module with everything that it logs, and the log would else be empty.
        if is_word && !LEVELS.iter().any(|level| level.eq_ignore_ascii_case(text)) {
            return match nearest(text, LEVELS) {
                Some(level) => reader.refuse_with(self, slot, format!("did you mean \"{level}\"?")),
                None => reader.refuse(self, slot),
            };
        }
        match text.parse::<EnvFilter>() {
            Ok(_) => Some(text.to_owned()),
            Err(_) => reader.refuse(self, slot),
        }
    }

    fn shown(&self, value: &String) -> Value {
        json!(value)
    }
}
