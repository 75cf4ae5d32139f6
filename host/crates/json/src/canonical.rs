//! The canonical text of a JSON value, so that values are compared by comparing texts.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;

use crate::number;
use crate::reader::{Bracket, JsonError, Reader, Token};

/// Returns the canonical form of a JSON text: two texts have the same form if and only if their values are equal.
///
/// White space, the order of members and the escaping of characters do not matter. Of several members with the same
/// name, the last one counts. Numbers keep all their digits: an integer equals the same integer, and a number with a
/// fraction or an exponent equals those of the same exact value (`1.5` and `15e-1`; `1e2` and `100.0`), but `1` and
/// `1.0` differ. Uses memory of a few times the length of the text. The form of a text is the same in every version.
pub fn canonical(text: &str) -> Result<String, JsonError> {
    let mut reader = Reader::new(text);
    let mut out = String::with_capacity(text.len());
    // For each open array, whether it has an item yet; for each open object, its members.
    let mut open: Vec<Open> = Vec::new();
    while let Some(token) = reader.next()? {
        let is_value = !matches!(token, Token::Name(_) | Token::Close);
        if let Some(Open::Array { has_items }) = open.last_mut().filter(|_| is_value)
            && std::mem::replace(has_items, true)
        {
            out.push(',');
        }
        match token {
            Token::Open(Bracket::Array) => {
                out.push('[');
                open.push(Open::Array { has_items: false });
            }
            Token::Open(Bracket::Object) => open.push(Open::Object { from: out.len(), members: Vec::new() }),
            Token::Name(name) => {
                if let Some(Open::Object { members, .. }) = open.last_mut() {
                    members.push(Member { name: unescaped(name), from: out.len() });
                }
            }
            Token::Close => match open.pop() {
                Some(Open::Object { from, members }) => close_object(&mut out, from, members),
                _ => out.push(']'),
            },
            Token::String(string) => write_string(&mut out, &unescaped(string)),
            Token::Number(number) => out.push_str(&number::canonical(number)),
            Token::Scalar(word) => out.push_str(word),
        }
    }
    Ok(out)
}

/// Returns whether two JSON texts have the same value, as [`canonical`] compares them. Texts that are not valid JSON
/// are compared as text.
pub fn is_same(one: &str, other: &str) -> bool {
    one == other || matches!((canonical(one), canonical(other)), (Ok(one), Ok(other)) if one == other)
}

enum Open<'a> {
    Array {
        has_items: bool,
    },
    /// Until the object is closed, only the values of its members are in the output, starting at `from`.
    Object {
        from: usize,
        members: Vec<Member<'a>>,
    },
}

struct Member<'a> {
    name: Cow<'a, str>,
    /// Start of the value; it ends where the next one starts.
    from: usize,
}

/// Replaces the values of an object's members by the object, with its members sorted by name.
fn close_object(out: &mut String, from: usize, members: Vec<Member<'_>>) {
    let values = out.split_off(from);
    let ends: Vec<usize> = members.iter().skip(1).map(|member| member.from - from).chain([values.len()]).collect();
    let mut members: Vec<(Cow<'_, str>, Range<usize>)> =
        members.into_iter().zip(ends).map(|(member, end)| (member.name, member.from - from..end)).collect();
    // The sort is stable, so the last member of a name stays the last.
    members.sort_by(|(one, _), (other, _)| one.cmp(other));
    out.push('{');
    for (at, (name, value)) in members.iter().enumerate() {
        if members.get(at + 1).is_some_and(|(next, _)| next == name) {
            continue;
        }
        if !out.ends_with('{') {
            out.push(',');
        }
        write_string(out, name);
        out.push(':');
        out.push_str(&values[value.clone()]);
    }
    out.push('}');
}

/// Returns the content of a string that was read with its quotes.
pub(crate) fn unescaped(quoted: &str) -> Cow<'_, str> {
    let text = &quoted[1..quoted.len() - 1];
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut rest = text;
    let mut out = String::with_capacity(text.len());
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let (c, length) = escaped(&rest[at..]);
        out.push(c);
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Returns the character of the escape at the start of `text`, and the length of the escape. The reader has validated
/// it.
fn escaped(text: &str) -> (char, usize) {
    let unit = |at: usize| text.get(at + 2..at + 6).and_then(|digits| u16::from_str_radix(digits, 16).ok());
    match text.as_bytes()[1] {
        b'b' => ('\u{8}', 2),
        b'f' => ('\u{c}', 2),
        b'n' => ('\n', 2),
        b'r' => ('\r', 2),
        b't' => ('\t', 2),
        b'u' => {
            let first = char::decode_utf16([unit(0), unit(6)].into_iter().flatten()).next();
            let c = first.and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER);
            (c, 6 * c.len_utf16())
        }
        plain => (char::from(plain), 2),
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            8 => out.push_str("\\b"),
            12 => out.push_str("\\f"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            // Writing to a string cannot fail.
            byte => drop(write!(out, "\\u{byte:04x}")),
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random_value(random: &mut fastrand::Rng, depth: usize) -> serde_json::Value {
        const TEXTS: [&str; 8] = ["", "a", "b\"\\/", "\u{8}\u{c}\n\r\t", "\u{1}\u{7f}", "\u{e9}", "\u{1f600}", "a b"];
        let text = |random: &mut fastrand::Rng| TEXTS[random.usize(..TEXTS.len())].to_owned();
        match random.usize(..if depth == 0 { 4 } else { 6 }) {
            0 => serde_json::Value::Null,
            1 => random.bool().into(),
            2 => random.i64(..).into(),
            3 => text(random).into(),
            4 => (0..random.usize(..4)).map(|_| random_value(random, depth - 1)).collect(),
            _ => (0..random.usize(..4)).map(|_| (text(random), random_value(random, depth - 1))).collect(),
        }
    }

    #[test]
    fn the_form_equals_sorted_text_of_serde_json() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let mut value = random_value(&mut random, 4);
            value.sort_all_objects();
            for text in [serde_json::to_string(&value).unwrap(), serde_json::to_string_pretty(&value).unwrap()] {
                assert_eq!(canonical(&text).unwrap(), value.to_string());
            }
        }
    }

    #[test]
    fn texts_are_same_if_their_values_are_equal() {
        for (one, other) in [
            ("{\"a\":1,\"b\":{\"x\":null,\"y\":\"\u{e9}\"}}", r#" { "b":{"\u0079":"\u00e9","x":null} ,"a":1} "#),
            (r#"{"a":1,"a":[2],"":0}"#, r#"{"":0,"a":[2]}"#),
            (r#"{"a":{"b":1,"c":2},"a":{"c":3,"b":[]}}"#, r#"{"a":{"b":[],"c":3}}"#),
            (r#"["\ud83d\ude00\u0041\/\u001F"]"#, "[\"\u{1f600}A/\\u001f\"]"),
            ("[1.50,1e2,1e400]", "[15e-1,100.0,10E399]"),
        ] {
            assert!(is_same(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("[18446744073709551616]", "[18446744073709551617]"),
            ("[1e400]", "[1e401]"),
            ("[-1e-400]", "[-1e-401]"),
            ("[0.1]", "[0.1000000000000000055]"),
            ("[1]", "[1.0]"),
            ("[1]", "[\"1\"]"),
            ("[[],1]", "[[1]]"),
            (r#"{"a":1}"#, r#"{"b":1}"#),
            ("[1", "[1 "),
        ] {
            assert!(!is_same(one, other), "{one} {other}");
        }
        assert!(is_same("[1", "[1"), "invalid JSON is compared as text");
    }

    #[test]
    fn deep_and_wide_texts_have_a_canonical_form() {
        let deep = format!("{}0{}", r#"{"b":[0],"a":"#.repeat(127), "}".repeat(127));
        let sorted = format!("{}0{}", r#"{"a":"#.repeat(127), r#","b":[0]}"#.repeat(127));
        assert_eq!(canonical(&deep).unwrap(), sorted);
        let wide = format!("[{}0]", "[],".repeat(1_000_000));
        assert_eq!(canonical(&wide).unwrap(), wide);
    }
}
