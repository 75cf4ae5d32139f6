//! Word values: a choice from a few words, a switch, and the filter of the log.

use saggar_definition::nearest;
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

use super::super::input::RawValue;
use super::{Field, Reader, ValueType};

/// The levels of a log, from nothing to everything.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// One of a few words; the first is the default.
pub(crate) struct Choice<T: 'static>(pub(crate) &'static [(&'static str, T)]);

/// Whether something is on: true or false, as a text in flags and variables.
pub(crate) struct Switch {
    pub(crate) default: bool,
}

/// The filter of the log.
pub(crate) struct LogFilter {
    pub(crate) default: &'static str,
}

impl<T: Copy + PartialEq> Choice<T> {
    fn words(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(word, _)| *word)
    }
}

impl<T: Copy + PartialEq> ValueType for Choice<T> {
    type Value = T;

    fn expected(&self) -> String {
        let words: Vec<String> = self.words().map(|word| format!("{word:?}")).collect();
        match words.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => words.join(""),
        }
    }

    fn example(&self) -> &'static str {
        self.words().next().unwrap_or_default()
    }

    fn default(&self) -> T {
        let (_, value) = self.0[0];
        value
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader) -> Option<T> {
        let text = reader.text(self, field)?;
        if let Some((_, value)) = self.0.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        match nearest(text, self.words()) {
            Some(word) => reader.reject_with(self, field, format!("did you mean \"{word}\"?")),
            None => {
                let default = self.default_text();
                reader.reject_with(self, field, format!("remove `{}` to use the default, \"{default}\"", field.name))
            }
        }
    }

    fn to_json(&self, value: &T) -> Value {
        json!(self.0.iter().find(|(_, one)| one == value).map(|(word, _)| word))
    }
}

impl ValueType for Switch {
    type Value = bool;

    fn expected(&self) -> String {
        "true or false".to_owned()
    }

    fn example(&self) -> &'static str {
        "true"
    }

    fn default(&self) -> bool {
        self.default
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader) -> Option<bool> {
        match &field.node.value {
            RawValue::Boolean(is_on) => Some(*is_on),
            RawValue::Text(text) if text == "true" => Some(true),
            RawValue::Text(text) if text == "false" => Some(false),
            _ => reader.reject(self, field),
        }
    }

    fn to_json(&self, value: &bool) -> Value {
        json!(value)
    }
}

impl ValueType for LogFilter {
    type Value = String;

    fn expected(&self) -> String {
        "a level (error, warn, info, debug, trace or off), or levels by module".to_owned()
    }

    fn example(&self) -> &'static str {
        "\"info,saggar_worker=debug\""
    }

    fn default(&self) -> String {
        self.default.to_owned()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader) -> Option<String> {
        let text = reader.text(self, field)?.trim();
        let is_word = !text.contains(['=', ',', '[', ':']);
        // `EnvFilter` would parse a single unknown word as a module, and disable all other modules.
        if is_word && !LEVELS.iter().any(|level| level.eq_ignore_ascii_case(text)) {
            return match nearest(text, LEVELS) {
                Some(level) => reader.reject_with(self, field, format!("did you mean \"{level}\"?")),
                None => reader.reject(self, field),
            };
        }
        match text.parse::<EnvFilter>() {
            Ok(_) => Some(text.to_owned()),
            Err(_) => reader.reject(self, field),
        }
    }

    fn to_json(&self, value: &String) -> Value {
        json!(value)
    }
}
