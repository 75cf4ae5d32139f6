//! References to functions of plugins and scripts: their syntax, and help for invalid ones. The host checks whether the
//! files and functions exist.

use saggar_job::{CodeFile, Reference};
use schemars::{Schema, json_schema};
use thiserror::Error;
use unicode_ident::{is_xid_continue, is_xid_start};

use super::{ENV_PATTERN, Field, Reader, ValueType, text_schema};
use crate::source::Located;

/// Pattern of a reference, for the JSON Schema.
const PATTERN: &str = r"(plugins(\.[A-Za-z0-9_-]+)+(#[A-Za-z0-9_-]+)?|scripts(\.[A-Za-z0-9_-]+)+\.[^\s.#]+)";

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
    #[error("a reference must start with `plugins.` or `scripts.`")]
    Prefix,
    #[error("it has an empty part before, after or between its dots")]
    EmptySegment,
    #[error("the name after `#` is empty")]
    EmptyHandler,
    #[error("the name of the function is missing")]
    NoFunction,
    #[error("`{}` is not the name of a function", .0.escape_debug())]
    NoIdentifier(String),
    #[error("it has the invalid character `{}`", .0.escape_debug())]
    Character(char),
    #[error("it is longer than {MAX_REFERENCE_BYTES} characters")]
    TooLong,
}

impl ValueType for Processor {
    type Value = Option<Located<Reference>>;

    fn expected(&self) -> String {
        "the name of a plugin, or of a function of a script".to_owned()
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
        "the name of a plugin or of a function of a script, or \"\" for none".to_owned()
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
        Err(_) if field.is_secret() => {
            let message = format!("the environment variable for `{}` is not a valid reference", field.path);
            reader.problems.error(
                field.span(),
                message,
                "set it to the name of a plugin, for example `plugins.mail.send`, or of a function of a script, for \
                 example `scripts.mail.Send`",
            );
            None
        }
        Err(error) => {
            let kind = if names_script(text) { "a function of a script" } else { "a plugin" };
            let message = format!("`{}` does not name {kind}: {error}", field.path);
            reader.problems.error(field.span(), message, advice(text));
            None
        }
    }
}

fn parse(text: &str) -> Result<Reference, ReferenceError> {
    if text.len() > MAX_REFERENCE_BYTES {
        return Err(ReferenceError::TooLong);
    }
    match (text.strip_prefix("plugins."), text.strip_prefix("scripts.")) {
        (Some(path), _) => plugin(path),
        (None, Some(path)) => script(path),
        (None, None) => Err(ReferenceError::Prefix),
    }
}

fn plugin(path: &str) -> Result<Reference, ReferenceError> {
    let (plugin, handler) = path.split_once('#').map_or((path, None), |(plugin, handler)| (plugin, Some(handler)));
    segments(plugin)?;
    handler.map_or(Ok(()), |handler| name(handler, ReferenceError::EmptyHandler))?;
    Ok(Reference { code: CodeFile::Plugin(plugin.to_owned()), handler: handler.map(str::to_owned) })
}

fn script(path: &str) -> Result<Reference, ReferenceError> {
    let Some((script, function)) = path.rsplit_once('.') else {
        name(path, ReferenceError::EmptySegment)?;
        return Err(ReferenceError::NoFunction);
    };
    segments(script)?;
    if function.is_empty() {
        return Err(ReferenceError::NoFunction);
    }
    if !is_identifier(function) {
        return Err(ReferenceError::NoIdentifier(function.to_owned()));
    }
    Ok(Reference { code: CodeFile::Script(script.to_owned()), handler: Some(function.to_owned()) })
}

/// Returns whether JavaScript allows this name for a function. Reserved words are not excluded: a script cannot have such
/// a function, which is found when it is compiled.
fn is_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    let starts = characters.next().is_some_and(|c| is_xid_start(c) || c == '_' || c == '$');
    starts && characters.all(|c| is_xid_continue(c) || c == '$')
}

/// Checks the parts of a path between dots.
fn segments(path: &str) -> Result<(), ReferenceError> {
    path.split('.').try_for_each(|segment| name(segment, ReferenceError::EmptySegment))
}

fn name(text: &str, empty: ReferenceError) -> Result<(), ReferenceError> {
    if text.is_empty() {
        return Err(empty);
    }
    let foreign = text.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '_' && *c != '-');
    foreign.map_or(Ok(()), |character| Err(ReferenceError::Character(character)))
}

/// Returns whether the author probably means a script.
fn names_script(text: &str) -> bool {
    let text = text.trim().trim_start_matches(['.', '/', '\\']);
    text.get(..7).is_some_and(|prefix| prefix.eq_ignore_ascii_case("scripts"))
}

fn advice(text: &str) -> String {
    match corrected(text) {
        Some(reference @ Reference { code: CodeFile::Plugin(_), .. }) => {
            format!("write `{reference}` for the component `{}`", reference.code.file())
        }
        Some(reference @ Reference { code: CodeFile::Script(_), .. }) => {
            let function = reference.handler.as_deref().unwrap_or_default();
            format!("write `{reference}` for the function `{function}` of `{}`", reference.code.file())
        }
        None if names_script(text) => {
            "write for example `scripts.mail.Send` for the function `Send` of `scripts/mail.js`".to_owned()
        }
        None => "write for example `plugins.mail.send` for the component `plugins/mail/send.wasm`, \
                 `plugins.media#thumbnail` for one of several handlers in a component, or `scripts.mail.Send` for the \
                 function `Send` of `scripts/mail.js`"
            .to_owned(),
    }
}

/// Guesses the reference that the author meant by a path, by a name without `plugins.`, or by a text with a space.
fn corrected(text: &str) -> Option<Reference> {
    let path = text.trim().trim_start_matches(['.', '/', '\\']).replace(['/', '\\'], ".");
    if names_script(text) {
        let path = path.get(7..)?.replace(['#', ':'], ".").replace(".js.", ".");
        return parse(&format!("scripts{path}")).ok();
    }
    let path = path.strip_suffix(".wasm").unwrap_or(&path);
    let is_prefixed = path.get(..8).is_some_and(|prefix| prefix.eq_ignore_ascii_case("plugins."));
    let path = if is_prefixed { path.get(8..)? } else { path };
    parse(&format!("plugins.{path}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, Option<String>) {
        let Reference { code, handler } = parse(text).unwrap();
        (code.file(), handler)
    }

    #[test]
    fn a_reference_is_a_file_and_a_function() {
        let handler = |name: &str| Some(name.to_owned());
        assert_eq!(parsed("plugins.mail.send"), ("plugins/mail/send.wasm".to_owned(), None));
        assert_eq!(parsed("plugins.Media_2#thumb-nail"), ("plugins/Media_2.wasm".to_owned(), handler("thumb-nail")));
        assert_eq!(parsed("scripts.task.Send"), ("scripts/task.js".to_owned(), handler("Send")));
        assert_eq!(parsed("scripts.mail-2.send.$发送_1"), ("scripts/mail-2/send.js".to_owned(), handler("$发送_1")));
        for text in ["plugins.mail.send", "plugins.media#thumbnail", "scripts.mail.send.Run"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn invalid_references_are_rejected() {
        use ReferenceError::{Character, EmptyHandler, EmptySegment, NoFunction, NoIdentifier, Prefix, TooLong};
        let identifier = |name: &str| NoIdentifier(name.to_owned());
        let cases = [
            ("", Prefix),
            ("send", Prefix),
            ("plugins", Prefix),
            ("Plugins.mail", Prefix),
            ("scripts", Prefix),
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
            ("scripts.", EmptySegment),
            ("scripts.task", NoFunction),
            ("scripts.task.", NoFunction),
            ("scripts..Send", EmptySegment),
            ("scripts.a..Send", EmptySegment),
            ("scripts.task#Send", Character('#')),
            ("scripts.a/../../b.Send", Character('/')),
            ("scripts.task.2nd", identifier("2nd")),
            ("scripts.task.a-b", identifier("a-b")),
            ("scripts.task.a()", identifier("a()")),
            ("scripts.task.a\0", identifier("a\0")),
        ];
        for (text, error) in cases {
            assert_eq!(parse(text), Err(error), "{text:?}");
        }
        assert_eq!(parse(&format!("plugins.{}", "a".repeat(300))), Err(TooLong));
        assert_eq!(parse(&format!("scripts.{}.Send", "a".repeat(300))), Err(TooLong));
    }

    #[test]
    fn likely_mistakes_are_corrected() {
        let corrected = |text| corrected(text).map(|reference| reference.to_string());
        assert_eq!(corrected("plugins/mail/send.wasm").as_deref(), Some("plugins.mail.send"));
        assert_eq!(corrected("mail.send").as_deref(), Some("plugins.mail.send"));
        assert_eq!(corrected("Plugins.mail ").as_deref(), Some("plugins.mail"));
        assert_eq!(corrected("plugins...x"), None);
        assert_eq!(corrected("scripts/mail/send.js#Run").as_deref(), Some("scripts.mail.send.Run"));
        assert_eq!(corrected("./Scripts.task.Send").as_deref(), Some("scripts.task.Send"));
        assert_eq!(corrected("scripts.task#Send").as_deref(), Some("scripts.task.Send"));
        assert_eq!(corrected("scripts/../secrets.js#Run"), None);
    }
}
