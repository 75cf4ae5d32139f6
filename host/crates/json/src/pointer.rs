//! Looking into a JSON text by a JSON pointer (RFC 6901).

use crate::canonical::unescaped;
use crate::reader::{Bracket, Reader, Token};

/// A segment of a pointer: a member's name, or the index of an item.
struct Segment {
    name: String,
    index: Option<usize>,
}

/// An array or object that is open.
struct Level {
    bracket: Bracket,
    /// Where it begins.
    from: usize,
    /// Whether it is on the way to the value, and whether it is the value itself.
    on_path: bool,
    is_target: bool,
    /// Of an array: the index of the next item.
    index: usize,
    /// Of an object: whether the next member is on the way.
    is_named: bool,
}

/// Returns the value that a pointer such as `/0/user/id` leads to, as it is written; `None` if there is none. Of several members
/// with the same name, the last one counts. The text has to be valid JSON. An invalid pointer leads nowhere.
pub fn at<'a>(text: &'a str, pointer: &str) -> Option<&'a str> {
    let path = segments(pointer)?;
    let (mut reader, mut open, mut found) = (Reader::new(text), Vec::<Level>::new(), None);
    while let Some(token) = reader.next().ok()? {
        let depth = open.len();
        match token {
            Token::Name(name) => {
                if let Some(level) = open.last_mut() {
                    level.is_named = path.get(depth - 1).is_some_and(|segment| segment.name == unescaped(name));
                }
            }
            Token::Close => {
                if let Some(level) = open.pop().filter(|level| level.is_target) {
                    found = Some(&text[level.from..reader.position()]);
                }
            }
            value => {
                let on_path = open.last_mut().is_none_or(|level| level.leads_on(path.get(depth - 1)));
                let is_target = on_path && depth == path.len();
                if on_path {
                    // Another member of this name had another value.
                    found = None;
                }
                match value {
                    Token::Open(bracket) => {
                        let from = reader.position() - 1;
                        open.push(Level { bracket, from, on_path, is_target, index: 0, is_named: false });
                    }
                    Token::String(text) | Token::Number(text) | Token::Scalar(text) if is_target => found = Some(text),
                    _ => {}
                }
            }
        }
    }
    found
}

/// Returns the text with another value where a pointer leads; `None` if it leads nowhere. All else stays as it is written. The
/// text and the value have to be valid JSON.
pub fn with_value(text: &str, pointer: &str, value: &str) -> Option<String> {
    let former = at(text, pointer)?;
    // It is a part of the text.
    let start = former.as_ptr() as usize - text.as_ptr() as usize;
    let (before, after) = (text.get(..start)?, text.get(start + former.len()..)?);
    Some([before, value, after].concat())
}

/// Returns the items of an array of strings, unescaped; `None` if the text is not such an array.
pub fn strings(text: &str) -> Option<Vec<String>> {
    let items = crate::items(text).ok()?;
    items.into_iter().map(|item| item.starts_with('"').then(|| unescaped(item).into_owned())).collect()
}

/// Returns whether a text is a valid pointer.
pub fn is_pointer(text: &str) -> bool {
    segments(text).is_some()
}

impl Level {
    /// Returns whether the value that begins now is on the way to the target.
    fn leads_on(&mut self, segment: Option<&Segment>) -> bool {
        let leads_on = match self.bracket {
            Bracket::Array => segment.is_some_and(|segment| segment.index == Some(self.index)),
            Bracket::Object => self.is_named,
        };
        self.index += 1;
        self.on_path && !self.is_target && leads_on
    }
}

fn segments(pointer: &str) -> Option<Vec<Segment>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    pointer.strip_prefix('/')?.split('/').map(segment).collect()
}

fn segment(text: &str) -> Option<Segment> {
    let mut name = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        name.push(match c {
            '~' => match rest.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            c => c,
        });
    }
    let index = name.parse().ok().filter(|index: &usize| index.to_string() == name);
    Some(Segment { name, index })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_leads_to_a_value_as_it_is_written() {
        let text = r#" [ {"user": {"id": 1970670598291982290, "a/b": [ 1.10 , {"~": null} ]}}, "x" , 7 ] "#;
        for (pointer, value) in [
            ("/0/user/id", "1970670598291982290"),
            ("/0/user/a~1b", "[ 1.10 , {\"~\": null} ]"),
            ("/0/user/a~1b/0", "1.10"),
            ("/0/user/a~1b/1/~0", "null"),
            ("/1", "\"x\""),
            ("/2", "7"),
        ] {
            assert_eq!(at(text, pointer), Some(value), "{pointer}");
        }
        assert_eq!(at(text, ""), Some(text.trim()));
        for pointer in ["/3", "/0/user/ids", "/0/user/id/0", "/00", "/-", "/1/0", "/0/0", "0", "/~2", "/", "/0/user/"] {
            assert_eq!(at(text, pointer), None, "{pointer}");
        }
    }

    #[test]
    fn the_last_member_of_a_name_counts() {
        assert_eq!(at(r#"{"a":1,"\u0061":2}"#, "/a"), Some("2"));
        assert_eq!(at(r#"{"a":{"b":1},"a":{}}"#, "/a/b"), None);
        assert_eq!(at(r#"{"a":{"b":1},"a":3,"c":{"b":2}}"#, "/a/b"), None);
    }

    #[test]
    fn a_value_is_replaced_and_all_else_stays() {
        let text = r#" [ {"id": 1.10, "to" : "ada"} , 7 ] "#;
        let replaced = |pointer, value| with_value(text, pointer, value);
        assert_eq!(replaced("/0/to", "[null]").as_deref(), Some(r#" [ {"id": 1.10, "to" : [null]} , 7 ] "#));
        assert_eq!(replaced("/1", "\"é\"").as_deref(), Some(r#" [ {"id": 1.10, "to" : "ada"} , "é" ] "#));
        assert_eq!(replaced("", "[]").as_deref(), Some(" [] "));
        assert_eq!(replaced("/2", "8"), None);
        assert_eq!(with_value(r#"{"a":1,"a":2}"#, "/a", "3").as_deref(), Some(r#"{"a":1,"a":3}"#));
    }

    #[test]
    fn strings_are_unescaped() {
        assert_eq!(strings(r#"["a\n", "é"]"#), Some(vec!["a\n".to_owned(), "é".to_owned()]));
        assert_eq!(strings("[]"), Some(Vec::new()));
        assert_eq!((strings("[1]"), strings("{}"), strings("")), (None, None, None));
    }

    #[test]
    fn deep_texts_are_looked_through() {
        let deep = format!("{}7{}", "[".repeat(128), "]".repeat(128));
        assert_eq!(at(&deep, &"/0".repeat(128)), Some("7"));
        assert_eq!(at(&deep, &"/0".repeat(129)), None);
        assert!(is_pointer("/a~0/0") && !is_pointer("a") && !is_pointer("/~"));
    }
}
