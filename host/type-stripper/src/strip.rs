//! Parses a file and blanks out its types.

use oxc_allocator::Allocator;
use oxc_ast_visit::Visit;
use oxc_parser::{Parser, ParserReturn};
use oxc_span::SourceType;

use crate::bindings::exports::saggar::types::stripper::Diagnostic;
use crate::eraser::Eraser;
use crate::refused::Error;

/// Errors of one file.
const MAX_ERRORS: usize = 20;

/// Returns the text without its types.
pub(crate) fn strip(text: &str) -> Result<String, Vec<Diagnostic>> {
    let allocator = Allocator::default();
    // A file without imports and exports is a classic script, which may use what modules do not allow.
    let script = parse(&allocator, text, SourceType::ts().with_unambiguous(true));
    // `await` outside of functions is allowed in both.
    let module = (!script.diagnostics.is_empty()).then(|| parse(&allocator, text, SourceType::ts()));
    let parsed = module.filter(|module| module.diagnostics.is_empty()).unwrap_or(script);
    if !parsed.diagnostics.is_empty() {
        return Err(diagnostics(text, syntax_errors(&parsed)));
    }
    let mut eraser = Eraser::new(text);
    eraser.visit_program(&parsed.program);
    eraser.finish().map_err(|errors| diagnostics(text, errors))
}

fn parse<'a>(allocator: &'a Allocator, text: &'a str, kind: SourceType) -> ParserReturn<'a> {
    Parser::new(allocator, text, kind).parse()
}

fn syntax_errors(parsed: &ParserReturn<'_>) -> Vec<Error> {
    let error = |diagnostic: &oxc_diagnostics::OxcDiagnostic| Error {
        at: diagnostic.labels.first().map_or(0, |label| label.offset() as usize),
        message: match &diagnostic.help {
            Some(help) => format!("SyntaxError: {}; {help}", diagnostic.message),
            None => format!("SyntaxError: {}", diagnostic.message),
        },
    };
    parsed.diagnostics.iter().map(error).collect()
}

/// Returns the errors in the order of the text, with lines and columns.
fn diagnostics(text: &str, mut errors: Vec<Error>) -> Vec<Diagnostic> {
    errors.sort_by_key(|error| error.at);
    errors.truncate(MAX_ERRORS);
    let place = |Error { at, message }: Error| {
        let before = text.get(..at).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() as u32 + 1;
        Diagnostic { line, column: before[line_start..].chars().count() as u32 + 1, message }
    };
    errors.into_iter().map(place).collect()
}
