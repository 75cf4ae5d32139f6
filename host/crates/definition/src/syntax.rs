//! From text to a syntax tree. Owns what `.json` and `.yao` files may contain and the wording of syntax errors; which
//! keys and values make a task is none of its business.

use jsonc_parser::ast::Value;
use jsonc_parser::common::Range;
use jsonc_parser::errors::{ParseError, ParseErrorKind};
use jsonc_parser::tokens::Token;
use jsonc_parser::{CollectOptions, ParseOptions, ParseStringErrorKind, Scanner, ScannerOptions, parse_to_ast};

use crate::problems::Problems;
use crate::source::Span;

/// Objects and lists inside of each other. A task needs three; the parser calls itself for each.
const MAX_DEPTH: usize = 32;

/// How much a file's text may differ from JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `.json`: not at all.
    Strict,
    /// `.yao` and `.jsonc`: comments and trailing commas.
    Commented,
}

impl Dialect {
    /// What the extension of a file says.
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

/// Parses `text`. An error that the parser can overlook is reported and overlooked, so that what follows it is
/// checked too; `None` means that it met one that it cannot.
pub(crate) fn parse<'a>(text: &'a str, dialect: Dialect, problems: &mut Problems) -> Option<Value<'a>> {
    check_tokens(text, problems)?;
    let mut options = options(dialect);
    // Every round allows one more thing or ends.
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

/// Allows what an error of this kind was about. `None` if it cannot be allowed.
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
    // Were it allowed already, the parser would say the same for ever.
    (!std::mem::replace(option, true)).then_some(())
}

/// What the parser lets pass and a task file may not have: line breaks in text, and depth. `None` if there is no
/// use in parsing.
fn check_tokens(text: &str, problems: &mut Problems) -> Option<()> {
    let mut scanner = Scanner::new(text, &ScannerOptions::default());
    let mut depth = 0_usize;
    // What the scanner itself refuses is reported by the parser.
    while let Ok(Some(token)) = scanner.scan() {
        let span = Span { start: scanner.token_start(), end: scanner.token_end() };
        match token {
            Token::OpenBrace | Token::OpenBracket if depth == MAX_DEPTH => {
                let help = "a task file needs three levels of objects and lists; take some away";
                problems.error(span, format!("this is more than {MAX_DEPTH} levels deep"), help);
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
        // Where the text really ends nobody knows, so that everything after it would be misread.
        let help = "add a closing `\"`; to have a line break in the text, write `\\n`";
        problems.error(span, "this text has no closing quote on its line", help);
        return None;
    }
    let at = Span { start: span.start + offset, end: span.start + offset + 1 };
    let help = format!("write `{}`", escape(control));
    problems.error(at, "this text has a control character in it", help);
    Some(())
}

fn escape(control: char) -> String {
    if control == '\t' { "\\t".to_owned() } else { format!("\\u{:04x}", u32::from(control)) }
}

fn report_empty<'a>(text: &str, problems: &mut Problems) -> Option<Value<'a>> {
    let end = Span { start: text.len(), end: text.len() };
    problems.error(
        end,
        "there is no task in this file",
        "the least that a task has is `{\"process\": \"plugins.mail.send\"}`",
    );
    None
}

fn report(error: &ParseError, problems: &mut Problems) {
    let (message, help) = explain(error.kind());
    problems.error(error.range().into(), message, help);
}

fn explain(kind: &ParseErrorKind) -> (String, &'static str) {
    let (message, help) = match kind {
        ParseErrorKind::CommentsNotAllowed => {
            ("a `.json` file has no comments", "remove the comments, or rename the file to `.jsonc` or `.yao`")
        }
        ParseErrorKind::TrailingCommasNotAllowed => {
            ("a `.json` file has no comma after the last value", "remove it, or rename the file to `.jsonc` or `.yao`")
        }
        ParseErrorKind::ExpectedStringObjectProperty => {
            ("the name of a key is written in double quotes", "put `\"` before and after it")
        }
        ParseErrorKind::ExpectedComma => ("a comma is missing here", "add `,` between one value and the next"),
        ParseErrorKind::SingleQuotedStringsNotAllowed => {
            ("text is written in double quotes", "write `\"` instead of `'`")
        }
        ParseErrorKind::HexadecimalNumbersNotAllowed => {
            ("numbers are written in decimal", "write `16` instead of `0x10`")
        }
        ParseErrorKind::UnaryPlusNumbersNotAllowed => ("a number has no `+` before it", "remove the `+`"),
        ParseErrorKind::BareDecimalPointNumbersNotAllowed => {
            ("a number has digits before and after its point", "write `0.5` instead of `.5`, and `5.0` instead of `5.`")
        }
        ParseErrorKind::MultipleRootJsonValues => {
            ("something follows the end of the task", "a file holds one object; look for a `}` too many before this")
        }
        ParseErrorKind::ExpectedColonAfterObjectKey => ("a colon is missing before this", "write `\"key\": value`"),
        ParseErrorKind::ExpectedObjectValue => ("a value is missing", "write `\"key\": value`"),
        ParseErrorKind::UnterminatedObject => ("this object has no end", "add the closing `}`"),
        ParseErrorKind::UnterminatedArray => ("this list has no end", "add the closing `]`"),
        ParseErrorKind::UnterminatedCommentBlock => ("this comment has no end", "add the closing `*/`"),
        ParseErrorKind::UnexpectedComma => ("there is no value before this comma", "remove the comma"),
        ParseErrorKind::String(ParseStringErrorKind::UnterminatedStringLiteral) => {
            ("this text has no closing quote", "add a closing `\"`")
        }
        ParseErrorKind::String(_) => {
            ("this is no escape that JSON knows", "write `\\\\` to have one backslash in the text")
        }
        ParseErrorKind::UnexpectedCloseBrace => {
            ("a value or a `]` is missing before this `}`", "add what is missing, or remove the `}`")
        }
        ParseErrorKind::UnexpectedCloseBracket => {
            ("a value or a `}` is missing before this `]`", "add what is missing, or remove the `]`")
        }
        ParseErrorKind::UnexpectedColon => ("there is no key before this colon", "write `\"key\": value`"),
        ParseErrorKind::UnexpectedTokenInObject => {
            ("here belongs a key, or the `}` that ends the object", "write `\"key\": value`, or remove this")
        }
        ParseErrorKind::ExpectedDigit
        | ParseErrorKind::ExpectedDigitFollowingNegativeSign
        | ParseErrorKind::ExpectedPlusMinusOrDigitInNumberLiteral => {
            ("this is no number: a digit is missing", "write for example `-1`, `0.5` or `1e3`")
        }
        ParseErrorKind::UnexpectedWord | ParseErrorKind::UnexpectedToken => {
            ("this is no value", "text is written in double quotes: `\"text\"`")
        }
        other => return (format!("this is not JSON: {}", lower_first(&other.to_string())), "write `\"key\": value`"),
    };
    (message.to_owned(), help)
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}
