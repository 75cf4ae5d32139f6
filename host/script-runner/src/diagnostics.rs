//! Errors in scripts with their positions.

use rquickjs::{Ctx, Exception, Value};

use crate::bindings::saggar::script::source::{self, Diagnostic, Position};
use crate::stack::{self, Place};
use crate::{exception, memory, properties};

/// Characters of a source line in a message.
const MAX_LINE: usize = 200;

/// Returns where a line names a specifier.
pub(crate) fn quoted(line: &str, specifier: &str) -> Option<usize> {
    ['\'', '"', '`'].into_iter().find_map(|quote| line.find(&format!("{quote}{specifier}{quote}")))
}

/// Returns the position of the first line in which `find` finds a byte.
pub(crate) fn position_of(text: &str, find: impl Fn(&str) -> Option<usize>) -> Option<Position> {
    text.lines().zip(1..).find_map(|(line, number)| {
        let column = line[..find(line)?].chars().count() as u32 + 1;
        Some(Position { line: number, column, source: excerpt(line, column) })
    })
}

/// Returns the position of a byte.
pub(crate) fn position_at(text: &str, at: usize) -> Position {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[..at].bytes().filter(|byte| *byte == b'\n').count() as u32 + 1;
    let column = text[start..at].chars().count() as u32 + 1;
    Position { line, column, source: excerpt(text[start..].lines().next().unwrap_or_default(), column) }
}

/// Returns an error that concerns a file as a whole.
pub(crate) fn whole_file(file: &str, message: impl Into<String>) -> Diagnostic {
    Diagnostic { file: file.into(), position: None, message: message.into() }
}

/// Adds the text of its line to an error of the host's.
pub(crate) fn quote_line(diagnostic: &mut Diagnostic) {
    if let Some(position) = &mut diagnostic.position
        && let Some(line) = source::line(&diagnostic.file, position.line)
    {
        position.source = excerpt(&line, position.column);
    }
}

/// Returns what the pending exception says.
pub(crate) fn pending(ctx: &Ctx<'_>, error: rquickjs::Error, file: &str, text: &str) -> Diagnostic {
    if !error.is_exception() {
        Exception::throw_internal(ctx, &error.to_string());
    }
    let error = ctx.catch();
    memory::give_up_if_refused(&error);
    of_exception(&error, file, text)
}

/// Returns what an exception of the compiler says.
fn of_exception(error: &Value<'_>, file: &str, text: &str) -> Diagnostic {
    let Some(object) = error.as_object() else { return whole_file(file, exception::describe(error)) };
    let message = properties::summary(object);
    let trace = properties::stack_of(object);
    match stack::place(&trace).filter(|place| place.file == file) {
        Some(Place { line, column, .. }) => {
            let source = text.lines().nth(line.saturating_sub(1) as usize).unwrap_or_default();
            let position = Position { line, column, source: excerpt(source, column) };
            Diagnostic { file: file.into(), position: Some(position), message }
        }
        None => whole_file(file, message),
    }
}

/// Returns the part of a long line around a column.
fn excerpt(line: &str, column: u32) -> String {
    let from = if line.chars().count() <= MAX_LINE { 0 } else { (column as usize).saturating_sub(MAX_LINE / 2) };
    line.chars().skip(from).take(MAX_LINE).collect()
}
