//! A reader of JSON text (RFC 8259), token by token, with an explicit stack of open brackets.

use std::fmt;

/// Maximum depth of arrays and objects.
pub const MAX_DEPTH: usize = 128;

/// Why a text is not one JSON value, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    what: &'static str,
    line: usize,
    column: usize,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {} column {}", self.what, self.line, self.column)
    }
}

impl std::error::Error for JsonError {}

/// Checks that `text` is one valid JSON value of at most [`MAX_DEPTH`] levels. Numbers may have any size.
pub fn check(text: &str) -> Result<(), JsonError> {
    let mut reader = Reader::new(text);
    while reader.next()?.is_some() {}
    Ok(())
}

/// Splits an array into its items, each as written. Fails if `text` is not a valid array.
pub fn items(text: &str) -> Result<Vec<&str>, JsonError> {
    let mut reader = Reader::new(text);
    if !matches!(reader.next()?, Some(Token::Open(Bracket::Array))) {
        return Err(JsonError { what: "expected an array", line: 1, column: 1 });
    }
    let mut items = Vec::new();
    let mut from = None;
    while let Some(token) = reader.next()? {
        let depth = reader.open.len();
        // The outermost brackets of an item that is an array or object are at depth 1 before and after it.
        match token {
            Token::Open(_) if depth == 2 => from = Some(reader.at - 1),
            Token::Close if depth == 1 => items.extend(from.take().map(|from| &text[from..reader.at])),
            Token::Scalar(item) | Token::Number(item) | Token::String(item) if depth == 1 => items.push(item),
            _ => {}
        }
    }
    Ok(items)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bracket {
    Array,
    Object,
}

/// A token. Names and strings include their quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    Open(Bracket),
    Close,
    Name(&'a str),
    String(&'a str),
    Number(&'a str),
    /// `null`, `true` or `false`.
    Scalar(&'a str),
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    /// A value or `]`.
    First,
    Name,
    /// A name or `}`.
    FirstName,
    /// A comma or the closing bracket.
    Next,
    End,
}

/// A cursor over a text.
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The arrays and objects that are open here, outermost first.
    open: Vec<Bracket>,
    expect: Expect,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, open: Vec::new(), expect: Expect::Value }
    }

    /// Returns how many bytes it has read.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Returns the next token; `None` after the end of the value.
    pub(crate) fn next(&mut self) -> Result<Option<Token<'a>>, JsonError> {
        loop {
            let byte = self.skip_space();
            match (self.expect, byte) {
                (Expect::End, None) => return Ok(None),
                (Expect::End, Some(_)) => return Err(self.error("text after the value")),
                (_, None) => return Err(self.error("the text ends within a value")),
                (Expect::First, Some(b']')) | (Expect::FirstName, Some(b'}')) => return Ok(Some(self.close())),
                (Expect::Value | Expect::First, Some(byte)) => return self.value(byte).map(Some),
                (Expect::Name | Expect::FirstName, Some(byte)) => return self.name(byte).map(Some),
                (Expect::Next, Some(byte)) => match (self.open.last(), byte) {
                    (Some(Bracket::Array), b']') | (Some(Bracket::Object), b'}') => return Ok(Some(self.close())),
                    (Some(Bracket::Array), b',') => self.expect = Expect::Value,
                    (Some(Bracket::Object), b',') => self.expect = Expect::Name,
                    _ => return Err(self.error("expected `,` or the closing bracket")),
                },
            }
            self.at += 1;
        }
    }

    fn value(&mut self, byte: u8) -> Result<Token<'a>, JsonError> {
        match byte {
            b'[' => self.open(Bracket::Array, Expect::First),
            b'{' => self.open(Bracket::Object, Expect::FirstName),
            b'"' => {
                let text = self.string()?;
                self.has_ended();
                Ok(Token::String(text))
            }
            b'-' | b'0'..=b'9' => {
                let text = self.number()?;
                self.has_ended();
                Ok(Token::Number(text))
            }
            _ => {
                let rest = &self.text[self.at..];
                let word = ["null", "true", "false"].into_iter().find(|word| rest.starts_with(word));
                let word = word.ok_or_else(|| self.error("expected a value"))?;
                self.at += word.len();
                self.has_ended();
                Ok(Token::Scalar(word))
            }
        }
    }

    fn name(&mut self, byte: u8) -> Result<Token<'a>, JsonError> {
        if byte != b'"' {
            return Err(self.error("expected a member's name in double quotes"));
        }
        let name = self.string()?;
        if self.skip_space() != Some(b':') {
            return Err(self.error("expected `:` after a member's name"));
        }
        self.at += 1;
        self.expect = Expect::Value;
        Ok(Token::Name(name))
    }

    fn open(&mut self, bracket: Bracket, expect: Expect) -> Result<Token<'a>, JsonError> {
        if self.open.len() == MAX_DEPTH {
            return Err(self.error("nested more than 128 levels deep"));
        }
        self.at += 1;
        self.open.push(bracket);
        self.expect = expect;
        Ok(Token::Open(bracket))
    }

    fn close(&mut self) -> Token<'a> {
        self.at += 1;
        self.open.pop();
        self.has_ended();
        Token::Close
    }

    /// Handles the end of a value.
    fn has_ended(&mut self) {
        self.expect = if self.open.is_empty() { Expect::End } else { Expect::Next };
    }

    /// Reads a string from its opening quote.
    fn string(&mut self) -> Result<&'a str, JsonError> {
        let bytes = self.text.as_bytes();
        let from = self.at;
        self.at += 1;
        loop {
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(&self.text[from..self.at]);
                }
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f) => return Err(self.error("a control character in a string must be escaped")),
                Some(_) => self.at += 1,
                None => return Err(self.error("the text ends within a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        match self.text.as_bytes().get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let unit = self.unit(self.at)?;
                let second = if (0xd800..0xdc00).contains(&unit) { self.unit(self.at + 6).ok() } else { None };
                let pair = char::decode_utf16([unit].into_iter().chain(second)).next();
                if !matches!(pair, Some(Ok(_))) {
                    return Err(self.error("unpaired surrogate in a string"));
                }
                self.at += if second.is_some() { 12 } else { 6 };
            }
            _ => return Err(self.error("invalid escape in a string")),
        }
        Ok(())
    }

    /// Returns the UTF-16 unit of the escape `\uXXXX` at this position.
    fn unit(&self, at: usize) -> Result<u16, JsonError> {
        let digits = self.text.get(at..at + 6).and_then(|text| text.strip_prefix("\\u"));
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        unit.ok_or_else(|| self.error("invalid escape in a string"))
    }

    fn number(&mut self) -> Result<&'a str, JsonError> {
        let from = self.at;
        let peek = |at: usize| self.text.as_bytes().get(at).copied();
        let digits = |mut at: usize| {
            let from = at;
            while peek(at).is_some_and(|byte| byte.is_ascii_digit()) {
                at += 1;
            }
            (at > from).then_some(at)
        };
        let read = || {
            let mut at = from + usize::from(peek(from) == Some(b'-'));
            at = if peek(at) == Some(b'0') { at + 1 } else { digits(at)? };
            if peek(at) == Some(b'.') {
                at = digits(at + 1)?;
            }
            if matches!(peek(at), Some(b'e' | b'E')) {
                let is_signed = matches!(peek(at + 1), Some(b'+' | b'-'));
                at = digits(at + 1 + usize::from(is_signed))?;
            }
            Some(at)
        };
        let end = read().ok_or_else(|| self.error("invalid number"))?;
        self.at = end;
        Ok(&self.text[from..end])
    }

    /// Skips white space; returns the next byte.
    fn skip_space(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self, what: &'static str) -> JsonError {
        let before = &self.text[..self.at];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        JsonError { what, line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_json_and_nothing_else() {
        let good = [
            "null",
            "[1,2.5e3,\"x\\u00e9\"]",
            " {\"a\":[{}]} ",
            "\"\"",
            "0",
            "-0.0E+07",
            "\t\r\n[ ]\n",
            "\"\\ud83d\\uDE00\"",
            "{\"\":0,\"\":1}",
            "\"\u{7f}\u{2028}\"",
            "1e400",
            "-1E-99999999999999999999",
            "18446744073709551616",
        ];
        for good in good {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let bad = [
            "",
            " ",
            "nul",
            "[1,]",
            "{a:1}",
            "1 2",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\ud800\"",
            "\"\\ud83dx\"",
            "\"a",
            "[1",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "1e+",
            "+1",
            "NaN",
            "Infinity",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\u+123\"",
            "\"\\u00é\"",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "[,]",
            "[1}",
            "{\"a\":1]",
            "]",
            "nulll",
            "'a'",
            "[1 2]",
            "\u{feff}1",
            "\u{a0}1",
            "// x\n1",
        ];
        for bad in bad {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn agrees_with_serde_json_except_about_large_numbers() {
        let parts = [
            "[",
            "]",
            "{",
            "}",
            ",",
            ":",
            "\"a\"",
            "\"\\u0041\"",
            "\"\\ud800\"",
            "1",
            "-",
            "0",
            ".5",
            "e3",
            "null",
            " ",
        ];
        let mut random = fastrand::Rng::with_seed(7);
        let (mut good, mut bad) = (0, 0);
        for _ in 0..200_000 {
            let text: String = (0..random.usize(1..7)).map(|_| parts[random.usize(..parts.len())]).collect();
            let read = serde_json::from_str::<serde_json::Value>(&text);
            if read.as_ref().is_err_and(|error| error.to_string().contains("number out of range")) {
                continue;
            }
            let is_json = read.is_ok();
            assert_eq!(check(&text).is_ok(), is_json, "{text}");
            *(if is_json { &mut good } else { &mut bad }) += 1;
        }
        assert!(good > 1_000 && bad > 1_000, "{good} {bad}");
    }

    #[test]
    fn accepts_128_levels_and_refuses_more_without_stack_overflow() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert_eq!(check(&deep(128)), Ok(()));
        assert_eq!(check(&deep(129)).unwrap_err().to_string(), "nested more than 128 levels deep at line 1 column 129");
        assert!(check(&deep(1_000_000)).is_err());
        assert!(check(&"{\"a\":".repeat(100_000)).is_err());
    }

    #[test]
    fn errors_have_line_and_column() {
        let of = |text| check(text).unwrap_err().to_string();
        assert_eq!(of("[1,\n é]"), "expected a value at line 2 column 2");
        assert_eq!(of("[\"é\" 1]"), "expected `,` or the closing bracket at line 1 column 6");
        assert_eq!(of("[1"), "the text ends within a value at line 1 column 3");
    }

    #[test]
    fn items_are_returned_as_written() {
        let text = r#" [ 1.50 , [2,[3]] ,{"a": [ ]}, "]", null ,[]] "#;
        assert_eq!(items(text).unwrap(), ["1.50", "[2,[3]]", r#"{"a": [ ]}"#, "\"]\"", "null", "[]"]);
        assert_eq!(items("[]").unwrap(), [""; 0]);
        assert!(items("{}").is_err() && items("[1").is_err() && items("[1]]").is_err());
    }
}
