//! References to plugin functions: their syntax, and help for invalid ones. The host checks whether the plugin exists.

use saggar_job::Reference;
use schemars::{Schema, json_schema};
use thiserror::Error;

use super::{ENV_PATTERN, Field, Reader, ValueType, text_schema};
use crate::source::Located;

/// Pattern of a reference, for the JSON Schema.
const PATTERN: &str = r"plugins(\.[A-Za-z0-9_-]+)+(#[A-Za-z0-9_-]+)?";

/// Maximum length of a reference. Every file system supports a path of this length.
const MAX_REFERENCE_BYTES: usize = 255;

/// The reference of `process`.
#[derive(Clone, Copy)]
pub(crate) struct Processor;

/// The reference of an event handler; `""` means that the task has no such handler.
#[derive(Clone, Copy)]
pub(crate) struct Handler;

/// Why a text is not a valid reference.
#[derive(Debug, PartialEq, Eq, Error)]
enum ReferenceError {
    #[error("this version does not support scripts")]
    Script,
    #[error("a plugin's name must start with `plugins.`")]
    Prefix,
    #[error("it has an empty part before, after or between its dots")]
    EmptySegment,
    #[error("the name after `#` is empty")]
    EmptyHandler,
    #[error("it has the invalid character `{}`", .0.escape_debug())]
    Character(char),
    #[error("it is longer than {MAX_REFERENCE_BYTES} characters")]
    TooLong,
}

impl ValueType for Processor {
    type Value = Option<Located<Reference>>;

    fn expected(&self) -> String {
        "the name of a plugin".to_owned()
    }

    fn example(&self) -> String {
        r#""plugins.mail.send""#.to_owned()
    }

    fn default(&self) -> Self::Value {
        None
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Self::Value> {
        let text = reader.text(self, field)?;
        read(&text, field, reader).map(Some)
    }

    fn written(&self, value: &Self::Value) -> Option<serde_json::Value> {
        value.as_ref().map(|reference| reference.value.to_string().into())
    }

    fn schema(&self) -> Schema {
        text_schema(PATTERN)
    }
}

impl ValueType for Handler {
    type Value = Option<Located<Reference>>;

    fn expected(&self) -> String {
        "the name of a plugin, or \"\" for none".to_owned()
    }

    fn example(&self) -> String {
        r#""plugins.mail.send""#.to_owned()
    }

    fn default(&self) -> Self::Value {
        None
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Self::Value> {
        let text = reader.text(self, field)?;
        if text.is_empty() { Some(None) } else { read(&text, field, reader).map(Some) }
    }

    fn written(&self, value: &Self::Value) -> Option<serde_json::Value> {
        value.as_ref().map(|reference| reference.value.to_string().into())
    }

    fn schema(&self) -> Schema {
        json_schema!({ "type": "string", "pattern": format!("^({PATTERN}|{ENV_PATTERN})?$") })
    }
}

fn read(text: &str, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Located<Reference>> {
    match parse(text) {
        Ok(value) => Some(Located { value, span: field.span() }),
        Err(error) if field.is_secret() => {
            let cause = if error == ReferenceError::Script { "a script" } else { "an invalid plugin" };
            let message = format!("the environment variable for `{}` names {cause}", field.path);
            reader.problems.error(
                field.span(),
                message,
                "set it to the name of a plugin, for example `plugins.mail.send`",
            );
            None
        }
        Err(error) => {
            let kind = if error == ReferenceError::Script { "names a script" } else { "does not name a plugin" };
            reader.problems.error(field.span(), format!("`{}` {kind}: {error}", field.path), advice(text, &error));
            None
        }
    }
}

fn parse(text: &str) -> Result<Reference, ReferenceError> {
    if text.starts_with("scripts.") {
        return Err(ReferenceError::Script);
    }
    if text.len() > MAX_REFERENCE_BYTES {
        return Err(ReferenceError::TooLong);
    }
    let path = text.strip_prefix("plugins.").ok_or(ReferenceError::Prefix)?;
    let (plugin, handler) = path.split_once('#').map_or((path, None), |(plugin, handler)| (plugin, Some(handler)));
    plugin.split('.').try_for_each(|segment| name(segment, ReferenceError::EmptySegment))?;
    handler.map_or(Ok(()), |handler| name(handler, ReferenceError::EmptyHandler))?;
    Ok(Reference { plugin: plugin.to_owned(), handler: handler.map(str::to_owned) })
}

fn name(text: &str, empty: ReferenceError) -> Result<(), ReferenceError> {
    if text.is_empty() {
        return Err(empty);
    }
    let foreign = text.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '_' && *c != '-');
    foreign.map_or(Ok(()), |character| Err(ReferenceError::Character(character)))
}

fn advice(text: &str, error: &ReferenceError) -> String {
    if *error == ReferenceError::Script {
        return "name a plugin instead: `plugins.mail.send` is the component `plugins/mail/send.wasm`".to_owned();
    }
    match corrected(text) {
        Some(reference) => {
            let file = format!("plugins/{}.wasm", reference.plugin.replace('.', "/"));
            format!("write `{reference}` for the component `{file}`")
        }
        None => "write for example `plugins.mail.send` for the component `plugins/mail/send.wasm`, or \
                 `plugins.media#thumbnail` for one of several handlers in a component"
            .to_owned(),
    }
}

/// Guesses the reference that the author meant by a path, by a name without `plugins.`, or by a text with a space.
fn corrected(text: &str) -> Option<Reference> {
    let path = text.trim().trim_start_matches(['.', '/', '\\']).replace(['/', '\\'], ".");
    let path = path.strip_suffix(".wasm").unwrap_or(&path);
    let is_prefixed = path.get(..8).is_some_and(|prefix| prefix.eq_ignore_ascii_case("plugins."));
    let path = if is_prefixed { path.get(8..)? } else { path };
    parse(&format!("plugins.{path}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_plugin_and_an_optional_handler() {
        let plain = parse("plugins.mail.send").unwrap();
        assert_eq!((plain.plugin.as_str(), plain.handler), ("mail.send", None));
        let named = parse("plugins.Media_2#thumb-nail").unwrap();
        assert_eq!((named.plugin.as_str(), named.handler.as_deref()), ("Media_2", Some("thumb-nail")));
    }

    #[test]
    fn invalid_references_are_rejected() {
        use ReferenceError::{Character, EmptyHandler, EmptySegment, Prefix, Script, TooLong};
        let cases = [
            ("scripts.task.Send", Script),
            ("", Prefix),
            ("send", Prefix),
            ("plugins", Prefix),
            ("Plugins.mail", Prefix),
            ("models.user.Find", Prefix),
            ("plugins.", EmptySegment),
            ("plugins...x", EmptySegment),
            ("plugins.a.", EmptySegment),
            ("plugins.#x", EmptySegment),
            ("plugins.a#", EmptyHandler),
            ("plugins.a#b#c", Character('#')),
            ("plugins.a/../b", Character('/')),
            ("plugins.a b", Character(' ')),
            ("plugins.a\0", Character('\0')),
        ];
        for (text, error) in cases {
            assert_eq!(parse(text), Err(error), "{text:?}");
        }
        assert_eq!(parse(&format!("plugins.{}", "a".repeat(300))), Err(TooLong));
    }

    #[test]
    fn likely_mistakes_are_corrected() {
        let corrected = |text| corrected(text).map(|reference| reference.to_string());
        assert_eq!(corrected("plugins/mail/send.wasm").as_deref(), Some("plugins.mail.send"));
        assert_eq!(corrected("mail.send").as_deref(), Some("plugins.mail.send"));
        assert_eq!(corrected("Plugins.mail ").as_deref(), Some("plugins.mail"));
        assert_eq!(corrected("plugins...x"), None);
    }
}
