//! Words: labels, choices from a list, true and false, and values nobody looks at.

use saggar_job::Backoff;
use schemars::{Schema, json_schema};

use super::{Form, Reader, Scalar, Slot, text_schema};
use crate::suggest;

/// The backoffs by the names that a task file gives them.
const BACKOFFS: [(&str, Backoff); 3] =
    [("fixed", Backoff::Fixed), ("linear", Backoff::Linear), ("exponential", Backoff::Exponential)];

/// One line of text for people.
#[derive(Clone, Copy)]
pub(crate) struct Label {
    /// Characters of the longest.
    pub(crate) longest: usize,
}

/// How a delay grows.
#[derive(Clone, Copy)]
pub(crate) struct Backoffs;

/// True or false.
#[derive(Clone, Copy)]
pub(crate) struct Flag;

/// A directory, not yet looked for.
#[derive(Clone, Copy)]
pub(crate) struct Path;

/// Anything; it is not looked at.
#[derive(Clone, Copy)]
pub(crate) struct Ignored;

impl Form for Label {
    type Value = Option<String>;

    fn wanted(&self) -> String {
        format!("one line of at most {} characters", self.longest)
    }

    fn example(&self) -> String {
        "\"Send mail\"".to_owned()
    }

    fn fallback(&self) -> Option<String> {
        None
    }

    fn read(&self, slot: &Slot<'_>, reader: &mut Reader<'_>) -> Option<Option<String>> {
        let text = reader.text(self, slot)?;
        if text.chars().count() > self.longest || text.contains(char::is_control) {
            return reader.refuse(self, slot);
        }
        Some(Some(text).filter(|text| !text.trim().is_empty()))
    }

    fn schema(&self) -> Schema {
        json_schema!({ "type": "string", "maxLength": self.longest })
    }
}

impl Form for Backoffs {
    type Value = Backoff;

    fn wanted(&self) -> String {
        "\"fixed\", \"linear\" or \"exponential\"".to_owned()
    }

    fn example(&self) -> String {
        "\"exponential\"".to_owned()
    }

    fn fallback(&self) -> Backoff {
        Backoff::Fixed
    }

    fn default_text(&self) -> Option<String> {
        Some("\"fixed\"".to_owned())
    }

    fn read(&self, slot: &Slot<'_>, reader: &mut Reader<'_>) -> Option<Backoff> {
        let text = reader.text(self, slot)?;
        if let Some((_, backoff)) = BACKOFFS.iter().find(|(name, _)| *name == text) {
            return Some(*backoff);
        }
        let nearest = suggest::nearest(&text, BACKOFFS.iter().map(|(name, _)| *name));
        match nearest.filter(|_| !slot.is_secret()) {
            Some(name) => reader.refuse_with(self, slot, format!("write {name:?}")),
            None => reader.refuse(self, slot),
        }
    }

    fn schema(&self) -> Schema {
        text_schema(&BACKOFFS.map(|(name, _)| name).join("|"))
    }
}

impl Form for Flag {
    type Value = bool;

    fn wanted(&self) -> String {
        "true or false".to_owned()
    }

    fn example(&self) -> String {
        "true".to_owned()
    }

    fn fallback(&self) -> bool {
        false
    }

    fn default_text(&self) -> Option<String> {
        Some("false".to_owned())
    }

    fn read(&self, slot: &Slot<'_>, reader: &mut Reader<'_>) -> Option<bool> {
        if let Some(literal) = slot.value.as_boolean_lit() {
            return Some(literal.value);
        }
        match reader.scalar(self, slot)? {
            Scalar::Text(text) if text == "true" => Some(true),
            Scalar::Text(text) if text == "false" => Some(false),
            _ => reader.refuse(self, slot),
        }
    }

    fn schema(&self) -> Schema {
        json_schema!({ "anyOf": [{ "type": "boolean" }, text_schema("true|false")] })
    }
}

impl Form for Path {
    type Value = Option<String>;

    fn wanted(&self) -> String {
        "the path of a directory, without `..`".to_owned()
    }

    fn example(&self) -> String {
        "\"data\"".to_owned()
    }

    fn fallback(&self) -> Option<String> {
        None
    }

    fn read(&self, slot: &Slot<'_>, reader: &mut Reader<'_>) -> Option<Option<String>> {
        let path = reader.text(self, slot)?;
        let is_sound = !path.trim().is_empty()
            && !path.contains(char::is_control)
            && !path.split(['/', '\\']).any(|segment| segment == "..");
        if is_sound { Some(Some(path)) } else { reader.refuse(self, slot) }
    }

    fn schema(&self) -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

impl Form for Ignored {
    type Value = ();

    fn wanted(&self) -> String {
        "anything".to_owned()
    }

    fn example(&self) -> String {
        "\"…\"".to_owned()
    }

    fn fallback(&self) {}

    fn read(&self, _: &Slot<'_>, _: &mut Reader<'_>) -> Option<()> {
        Some(())
    }

    fn schema(&self) -> Schema {
        json_schema!({})
    }
}
