//! Parses text into a syntax tree. Owns the dialects of `.json` and `.yao` files and the wording of syntax errors; keys
//! and values are validated later.

use jsonc_parser::ast::Value;
use jsonc_parser::common::Range;
use jsonc_parser::errors::{ParseError, ParseErrorKind};
use jsonc_parser::tokens::Token;
use jsonc_parser::{CollectOptions, ParseOptions, ParseStringErrorKind, Scanner, ScannerOptions, parse_to_ast};

use crate::problems::Problems;
use crate::source::Span;

/// Maximum depth of objects and lists. A task needs three levels; the parser recurses for each level.
const MAX_DEPTH: usize = 32;

/// How far the text may differ from JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `.json`: not at all.
    Strict,
    /// `.yao` and `.jsonc`: comments and trailing commas are allowed.
    Commented,
}

impl Dialect {
    /// Returns the dialect for the extension of a file.
    pub(crate) fn of_file(file: &str) -> Self {
        let is_json = file.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("json"));
        if is_json { Self::Strict } else { Self::Commented }
    }
}

impl From<Range> for Span {
    fn from(range: Range) -> Self {
        Self { start: range.start, end: range.end }
    }
}

/// Parses `text`. Reports an error that the parser can tolerate and continues, so that the rest is checked, too.
/// Returns `None` after an error that the parser cannot tolerate.
pub(crate) fn parse<'a>(text: &'a str, dialect: Dialect, problems: &mut Problems) -> Option<Value<'a>> {
    check_tokens(text, problems)?;
    let mut options = options(dialect);
    // Each iteration tolerates one more kind of error, or ends.
    loop {
        match parse_to_ast(text, &CollectOptions::default(), &options) {
            Ok(parsed) => return parsed.value.or_else(|| report_empty(text, problems)),
            Err(error) => {
                report(&error, problems);
                tolerate(error.kind(), &mut options)?;
            }
        }
    }
}

fn options(dialect: Dialect) -> ParseOptions {
    let is_commented = dialect == Dialect::Commented;
    ParseOptions {
        allow_comments: is_commented,
        allow_trailing_commas: is_commented,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// Allows the syntax that caused an error of this kind. Returns `None` if that is not possible.
fn tolerate(kind: &ParseErrorKind, options: &mut ParseOptions) -> Option<()> {
    let option = match kind {
        ParseErrorKind::CommentsNotAllowed => &mut options.allow_comments,
        ParseErrorKind::TrailingCommasNotAllowed => &mut options.allow_trailing_commas,
        ParseErrorKind::ExpectedStringObjectProperty => &mut options.allow_loose_object_property_names,
        ParseErrorKind::ExpectedComma => &mut options.allow_missing_commas,
        ParseErrorKind::SingleQuotedStringsNotAllowed => &mut options.allow_single_quoted_strings,
        ParseErrorKind::HexadecimalNumbersNotAllowed => &mut options.allow_hexadecimal_numbers,
        ParseErrorKind::UnaryPlusNumbersNotAllowed => &mut options.allow_unary_plus_numbers,
        ParseErrorKind::BareDecimalPointNumbersNotAllowed => &mut options.allow_bare_decimal_point_numbers,
        _ => return None,
    };
    // If the syntax was already allowed, the parser would report the same error forever.
    (!std::mem::replace(option, true)).then_some(())
}

/// Checks for what the parser accepts but a task file must not have: line breaks and other control characters in text,
/// and excessive depth. Returns `None` if parsing is pointless.
fn check_tokens(text: &str, problems: &mut Problems) -> Option<()> {
    let mut scanner = Scanner::new(text, &ScannerOptions::default());
    let mut depth = 0_usize;
    // The parser reports the errors of the scanner.
    while let Ok(Some(token)) = scanner.scan() {
        let span = Span { start: scanner.token_start(), end: scanner.token_end() };
        match token {
            Token::OpenBrace | Token::OpenBracket if depth == MAX_DEPTH => {
                let help = "a task file needs three levels of objects and lists; remove some";
                problems.error(span, format!("nested more than {MAX_DEPTH} levels deep"), help);
                return None;
            }
            Token::OpenBrace | Token::OpenBracket => depth += 1,
            Token::CloseBrace | Token::CloseBracket => depth = depth.saturating_sub(1),
            Token::String(_) => check_string(text, span, problems)?,
            _ => {}
        }
    }
    Some(())
}

fn check_string(text: &str, span: Span, problems: &mut Problems) -> Option<()> {
    let literal = text.get(span.start..span.end).unwrap_or_default();
    let Some((offset, control)) = literal.char_indices().find(|(_, c)| *c < ' ') else { return Some(()) };
    if matches!(control, '\n' | '\r') {
        // The real end of the text is unknown, so everything after it would be misread.
        let help = "add a closing `\"`; for a line break in the text, write `\\n`";
        problems.error(span, "this text has no closing quote on its line", help);
        return None;
    }
    let at = Span { start: span.start + offset, end: span.start + offset + 1 };
    let help = format!("write `{}`", escape(control));
    problems.error(at, "control character in this text", help);
    Some(())
}

fn escape(control: char) -> String {
    if control == '\t' { "\\t".to_owned() } else { format!("\\u{:04x}", u32::from(control)) }
}

fn report_empty<'a>(text: &str, problems: &mut Problems) -> Option<Value<'a>> {
    let end = Span { start: text.len(), end: text.len() };
    problems.error(end, "no task in this file", "a minimal task is `{\"process\": \"plugins.mail.send\"}`");
    None
}

fn report(error: &ParseError, problems: &mut Problems) {
    let (message, help) = explain(error.kind());
    problems.error(error.range().into(), message, help);
}

fn explain(kind: &ParseErrorKind) -> (String, &'static str) {
    let (message, help) = match kind {
        ParseErrorKind::CommentsNotAllowed => (
            "comments are not allowed in `.json` files",
            "remove the comments, or rename the file to `.jsonc` or `.yao`",
        ),
        ParseErrorKind::TrailingCommasNotAllowed => (
            "trailing commas are not allowed in `.json` files",
            "remove the comma, or rename the file to `.jsonc` or `.yao`",
        ),
        ParseErrorKind::ExpectedStringObjectProperty => {
            ("the name of a key must be in double quotes", "put `\"` before and after it")
        }
        ParseErrorKind::ExpectedComma => ("missing comma", "add `,` between one value and the next"),
        ParseErrorKind::SingleQuotedStringsNotAllowed => ("text must be in double quotes", "write `\"` instead of `'`"),
        ParseErrorKind::HexadecimalNumbersNotAllowed => ("numbers must be decimal", "write `16` instead of `0x10`"),
        ParseErrorKind::UnaryPlusNumbersNotAllowed => ("a number must not start with `+`", "remove the `+`"),
        ParseErrorKind::BareDecimalPointNumbersNotAllowed => (
            "a number needs digits before and after its point",
            "write `0.5` instead of `.5`, and `5.0` instead of `5.`",
        ),
        ParseErrorKind::MultipleRootJsonValues => {
            ("text after the end of the task", "a file has one object; look for an extra `}` before this")
        }
        ParseErrorKind::ExpectedColonAfterObjectKey => ("missing colon before this", "write `\"key\": value`"),
        ParseErrorKind::ExpectedObjectValue => ("missing value", "write `\"key\": value`"),
        ParseErrorKind::UnterminatedObject => ("this object is not closed", "add the closing `}`"),
        ParseErrorKind::UnterminatedArray => ("this list is not closed", "add the closing `]`"),
        ParseErrorKind::UnterminatedCommentBlock => ("this comment is not closed", "add the closing `*/`"),
        ParseErrorKind::UnexpectedComma => ("missing value before this comma", "remove the comma"),
        ParseErrorKind::String(ParseStringErrorKind::UnterminatedStringLiteral) => {
            ("this text has no closing quote", "add a closing `\"`")
        }
        ParseErrorKind::String(_) => ("invalid escape", "write `\\\\` for one backslash in the text"),
        ParseErrorKind::UnexpectedCloseBrace => {
            ("missing value or `]` before this `}`", "add what is missing, or remove the `}`")
        }
        ParseErrorKind::UnexpectedCloseBracket => {
            ("missing value or `}` before this `]`", "add what is missing, or remove the `]`")
        }
        ParseErrorKind::UnexpectedColon => ("missing key before this colon", "write `\"key\": value`"),
        ParseErrorKind::UnexpectedTokenInObject => {
            ("expected a key, or the `}` that closes the object", "write `\"key\": value`, or remove this")
        }
        ParseErrorKind::ExpectedDigit
        | ParseErrorKind::ExpectedDigitFollowingNegativeSign
        | ParseErrorKind::ExpectedPlusMinusOrDigitInNumberLiteral => {
            ("invalid number: missing digit", "write for example `-1`, `0.5` or `1e3`")
        }
        ParseErrorKind::UnexpectedWord | ParseErrorKind::UnexpectedToken => {
            ("invalid value", "write text in double quotes: `\"text\"`")
        }
        other => return (format!("invalid JSON: {}", lower_first(&other.to_string())), "write `\"key\": value`"),
    };
    (message.to_owned(), help)
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}
