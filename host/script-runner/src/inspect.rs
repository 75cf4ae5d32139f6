//! Shows values in logs and messages, in the form that Node has: `[ 'text', { a: 1 } ]`.
//!
//! Nothing of the script runs for it: getters are not called, proxies are not asked.

use std::fmt::Write as _;

use rquickjs::{Object, Value};

use crate::ffi::{self, Kind, Property};
use crate::properties::{is_error, own_text, stack_of, summary};
use crate::{names, state};

/// How deep objects are shown.
const MAX_DEPTH: usize = 4;
/// Items and properties of one object that are shown.
const MAX_ITEMS: usize = 100;
/// Bytes after which nothing more is added. The host cuts a line of the log to 8 KiB.
const MAX_BYTES: usize = 12 << 10;
/// What a value counts for that is not a string.
const VALUE_BYTES: usize = 8;
/// Up to this many characters an object is on one line.
const LINE_WIDTH: usize = 72;

/// Shows a value; strings are quoted.
pub(crate) fn inspect(value: &Value<'_>) -> String {
    let mut inspector = Inspector { text: String::new(), parents: Vec::new(), spent: 0 };
    inspector.value(value);
    inspector.text
}

/// Shows a value as `console.log` does: strings as they are.
pub(crate) fn display(value: &Value<'_>) -> String {
    if value.is_string() { ffi::text(value).unwrap_or_default() } else { inspect(value) }
}

struct Inspector<'js> {
    text: String,
    /// The objects around the current one.
    parents: Vec<Value<'js>>,
    /// Bytes so far, roughly, in whatever part.
    spent: usize,
}

impl<'js> Inspector<'js> {
    fn value(&mut self, value: &Value<'js>) {
        self.spent += VALUE_BYTES;
        if self.spent > MAX_BYTES {
            self.text.push('…');
        } else if value.is_string() {
            self.quoted(&ffi::text(value).unwrap_or_default());
        } else if value.is_big_int() {
            self.text.push_str(&primitive(value));
            self.text.push('n');
        } else if value.is_symbol() {
            self.text.push_str(&symbol(value));
        } else if let Some(object) = value.as_object() {
            self.object(value, object);
        } else if value.as_float().is_some_and(|number| number == 0.0 && number.is_sign_negative()) {
            self.text.push_str("-0");
        } else {
            self.text.push_str(&primitive(value));
        }
    }

    fn object(&mut self, value: &Value<'js>, object: &Object<'js>) {
        let kind = ffi::kind(value);
        match kind {
            Kind::Proxy => return self.text.push_str("[Proxy]"),
            Kind::Promise => return self.promise(value),
            Kind::Date | Kind::RegExp => return self.text.push_str(&native_text(object, kind)),
            Kind::Bytes => return self.bytes(value, object),
            _ if self.parents.contains(value) => return self.text.push_str("[Circular]"),
            _ if self.parents.len() > MAX_DEPTH => {
                return self.text.push_str(if kind == Kind::Array { "[Array]" } else { "[Object]" });
            }
            _ => {}
        }
        self.parents.push(value.clone());
        match kind {
            Kind::Array => self.array(object),
            _ if is_error(object) => self.error(object),
            Kind::Function => self.function(object),
            Kind::Map | Kind::Set => self.collection(object, kind),
            _ => self.plain(object),
        }
        self.parents.pop();
    }

    fn array(&mut self, object: &Object<'js>) {
        let (items, count) = properties(object, MAX_ITEMS);
        if count == 0 {
            return self.text.push_str("[]");
        }
        let mut next = 0;
        let mut parts = Vec::with_capacity(items.len());
        for (name, property) in items {
            if let Ok(index) = name.parse::<usize>() {
                if index > next {
                    parts.push(format!("<{} empty items>", index - next));
                }
                next = index + 1;
                parts.push(self.part(|this| this.property(&property)));
            } else {
                parts.push(self.named(&name, &property));
            }
        }
        self.list("", '[', parts, count.saturating_sub(MAX_ITEMS), ']');
    }

    fn plain(&mut self, object: &Object<'js>) {
        let (properties, count) = properties(object, MAX_ITEMS);
        let class = class_name(object);
        let prefix = match class.as_deref() {
            Some("Object") => String::new(),
            Some(class) => format!("{class} "),
            None => "[Object: null prototype] ".into(),
        };
        if count == 0 {
            return self.add(format_args!("{prefix}{{}}"));
        }
        let parts = properties.iter().map(|(name, property)| self.named(name, property)).collect();
        self.list(&prefix, '{', parts, count.saturating_sub(MAX_ITEMS), '}');
    }

    fn collection(&mut self, object: &Object<'js>, kind: Kind) {
        let name = if kind == Kind::Map { "Map" } else { "Set" };
        let (items, count) = entries(object);
        let shown: Vec<String> = items.iter().map(|item| self.part(|this| this.value(item))).collect();
        // A map's entries are a key and a value each.
        let parts: Vec<String> = match kind {
            Kind::Map => shown.chunks(2).map(|entry| entry.join(" => ")).collect(),
            _ => shown,
        };
        let prefix = format!("{name}({count}) ");
        if parts.is_empty() {
            return self.add(format_args!("{prefix}{{}}"));
        }
        self.list(&prefix, '{', parts, count.saturating_sub(MAX_ITEMS), '}');
    }

    fn error(&mut self, object: &Object<'js>) {
        let stack = crate::stack::without_own_lines(&stack_of(object));
        let summary = summary(object);
        self.text.push_str(&summary);
        for line in stack.lines() {
            self.add(format_args!("\n    {line}"));
        }
    }

    fn function(&mut self, object: &Object<'js>) {
        match own_text(object, "name").filter(|name| !name.is_empty()) {
            Some(name) => self.add(format_args!("[Function: {name}]")),
            None => self.text.push_str("[Function (anonymous)]"),
        }
    }

    fn promise(&mut self, value: &Value<'js>) {
        let state = value.as_promise().map(rquickjs::Promise::state);
        self.text.push_str(match state {
            Some(rquickjs::promise::PromiseState::Pending) => "Promise { <pending> }",
            Some(rquickjs::promise::PromiseState::Rejected) => "Promise { <rejected> }",
            _ => "Promise { <resolved> }",
        });
    }

    fn bytes(&mut self, value: &Value<'js>, object: &Object<'js>) {
        let class = class_name(object).unwrap_or_else(|| "ArrayBuffer".into());
        let bytes = ffi::bytes(value).unwrap_or_default();
        let shown: Vec<String> = bytes.iter().take(MAX_ITEMS / 2).map(|byte| format!("{byte:02x}")).collect();
        let more = if bytes.len() > shown.len() { " …" } else { "" };
        self.add(format_args!("{class} <{}{more}> ({} bytes)", shown.join(" "), bytes.len()));
    }

    fn property(&mut self, property: &Property<'js>) {
        match property {
            Property::Value(value) => self.value(value),
            Property::Accessor { has_getter: true, has_setter: true } => self.text.push_str("[Getter/Setter]"),
            Property::Accessor { has_getter: true, .. } => self.text.push_str("[Getter]"),
            Property::Accessor { .. } => self.text.push_str("[Setter]"),
        }
    }

    fn named(&mut self, name: &str, property: &Property<'js>) -> String {
        self.part(|this| {
            if names::is_identifier(name) {
                this.text.push_str(name);
            } else {
                this.quoted(name);
            }
            this.text.push_str(": ");
            this.property(property);
        })
    }

    /// Returns what `show` adds, instead of adding it.
    fn part(&mut self, show: impl FnOnce(&mut Self)) -> String {
        let start = self.text.len();
        show(self);
        self.text.split_off(start)
    }

    /// Adds parts on one line if they fit, else on a line each.
    fn list(&mut self, prefix: &str, open: char, mut parts: Vec<String>, more: usize, close: char) {
        if more > 0 {
            parts.push(format!("... {more} more"));
        }
        let width: usize = parts.iter().map(|part| part.len() + 2).sum();
        if width <= LINE_WIDTH && !parts.iter().any(|part| part.contains('\n')) {
            return self.add(format_args!("{prefix}{open} {} {close}", parts.join(", ")));
        }
        let indent = "  ".repeat(self.parents.len());
        self.add(format_args!("{prefix}{open}"));
        for (index, part) in parts.iter().enumerate() {
            self.add(format_args!("{}\n{indent}{part}", if index > 0 { "," } else { "" }));
        }
        self.add(format_args!("\n{}{close}", &indent[2.min(indent.len())..]));
    }

    fn quoted(&mut self, text: &str) {
        let shown: String = text.chars().take(MAX_BYTES.saturating_sub(self.spent)).collect();
        self.spent += shown.len();
        let quote = if shown.contains('\'') && !shown.contains('"') { '"' } else { '\'' };
        self.text.push(quote);
        for character in shown.chars() {
            match character {
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '\\' => self.text.push_str("\\\\"),
                other if other == quote => self.add(format_args!("\\{other}")),
                other => self.text.push(other),
            }
        }
        if shown.len() < text.len() {
            self.text.push('…');
        }
        self.text.push(quote);
    }

    fn add(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ok = self.text.write_fmt(text);
    }
}

fn symbol(value: &Value<'_>) -> String {
    let text =
        state::prelude_function(value.ctx(), "symbolText").and_then(|show| show.call::<_, Value<'_>>((value.clone(),)));
    text.and_then(|text| ffi::text(&text)).unwrap_or_else(|_| {
        value.ctx().catch();
        "Symbol()".into()
    })
}

/// Returns a primitive value as `String(value)` has it.
fn primitive(value: &Value<'_>) -> String {
    ffi::text(value).unwrap_or_else(|_| {
        value.ctx().catch();
        String::new()
    })
}

fn properties<'js>(object: &Object<'js>, limit: usize) -> (Vec<(String, Property<'js>)>, usize) {
    ffi::own_properties(object, limit).unwrap_or_else(|_| {
        object.ctx().catch();
        Default::default()
    })
}

/// Returns the text of a date or regular expression from the engine's own method, which a script can replace but not here.
fn native_text(object: &Object<'_>, kind: Kind) -> String {
    let (name, otherwise) = if kind == Kind::Date { ("dateText", "Invalid Date") } else { ("regExpText", "[RegExp]") };
    let text =
        state::prelude_function(object.ctx(), name).and_then(|show| show.call::<_, Value<'_>>((object.clone(),)));
    text.and_then(|text| ffi::text(&text)).unwrap_or_else(|_| {
        object.ctx().catch();
        otherwise.into()
    })
}

/// Returns the first keys and values of a map, or members of a set, and how many there are.
fn entries<'js>(object: &Object<'js>) -> (Vec<Value<'js>>, usize) {
    let list = state::prelude_function(object.ctx(), "entries")
        .and_then(|list| list.call::<_, rquickjs::Array<'js>>((object.clone(), MAX_ITEMS as u32)))
        .and_then(|array| array.iter().collect::<rquickjs::Result<Vec<Value<'js>>>>());
    match list {
        // The first is the size.
        Ok(mut list) if !list.is_empty() => {
            let count = list.remove(0).as_number().unwrap_or(0.0) as usize;
            (list, count)
        }
        _ => {
            object.ctx().catch();
            Default::default()
        }
    }
}

/// Returns the name of an object's class, without asking getters.
fn class_name(object: &Object<'_>) -> Option<String> {
    let prototype = object.get_prototype()?;
    match ffi::own_property(&prototype, "constructor") {
        Ok(Some(Property::Value(class))) => own_text(class.as_object()?, "name").filter(|name| !name.is_empty()),
        Ok(_) => Some("Object".into()),
        Err(_) => {
            object.ctx().catch();
            Some("Object".into())
        }
    }
}

/// Joins what `console.log` was called with. A first argument with `%` is a format.
pub(crate) fn join(arguments: &[Value<'_>]) -> rquickjs::Result<String> {
    let mut text = String::new();
    let mut rest = arguments.iter();
    if let Some(first) = arguments.first().filter(|first| first.is_string() && arguments.len() > 1) {
        rest.next();
        format_into(&mut text, &ffi::text(first)?, &mut rest)?;
        if !rest.as_slice().is_empty() {
            text.push(' ');
        }
    }
    let shown: Vec<String> = rest.map(display).collect();
    text.push_str(&shown.join(" "));
    Ok(text)
}

fn format_into<'a, 'js: 'a>(
    text: &mut String,
    format: &str,
    rest: &mut std::slice::Iter<'a, Value<'js>>,
) -> rquickjs::Result<()> {
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        let verb = characters.peek().copied();
        match (character, verb) {
            ('%', Some('%')) => {
                characters.next();
                text.push('%');
            }
            ('%', Some(verb @ ('s' | 'd' | 'i' | 'f' | 'j' | 'o' | 'O' | 'c'))) if !rest.as_slice().is_empty() => {
                characters.next();
                if let Some(value) = rest.next() {
                    text.push_str(&formatted(verb, value)?);
                }
            }
            _ => text.push(character),
        }
    }
    Ok(())
}

fn formatted(verb: char, value: &Value<'_>) -> rquickjs::Result<String> {
    Ok(match verb {
        // Styles mean nothing in a log.
        'c' => String::new(),
        's' => display(value),
        'j' => match value.ctx().json_stringify(value.clone())? {
            Some(json) => ffi::text(json.as_value())?,
            None => "undefined".into(),
        },
        'd' | 'f' => match value.as_number() {
            Some(_) => primitive(value),
            None if value.is_string() => {
                ffi::text(value)?.trim().parse::<f64>().map_or("NaN".into(), |it| it.to_string())
            }
            None => "NaN".into(),
        },
        'i' => value.as_number().filter(|it| it.is_finite()).map_or("NaN".into(), |it| format!("{:.0}", it.trunc())),
        _ => inspect(value),
    })
}
