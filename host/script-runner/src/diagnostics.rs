//! Errors in scripts with their positions.

use rquickjs::Value;

use crate::bindings::exports::saggar::script::compiler::{Diagnostic, Position};
use crate::stack::{self, Place};
use crate::{exception, properties};

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

/// Returns an error that concerns a file as a whole.
pub(crate) fn whole_file(file: &str, message: impl Into<String>) -> Diagnostic {
    Diagnostic { file: file.into(), position: None, message: message.into() }
}

/// Returns what an exception of the compiler says.
pub(crate) fn of_exception(error: &Value<'_>, file: &str, text: &str) -> Diagnostic {
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
