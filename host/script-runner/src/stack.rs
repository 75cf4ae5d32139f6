//! Positions from the engine's stack traces.

use crate::specifier;

/// A place in a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: String,
    /// From 1.
    pub(crate) line: u32,
    /// From 1.
    pub(crate) column: u32,
}

/// Returns the innermost place in a script: the first line of a stack trace that is not the runner's own.
///
/// A line is `    at name (file:line:column)` or `    at file:line:column`.
pub(crate) fn place(stack: &str) -> Option<Place> {
    stack.lines().find_map(|line| {
        let place = line.trim().strip_prefix("at ")?;
        let place = place.rsplit_once(" (").map_or(place, |(_, place)| place.trim_end_matches(')'));
        parse(place)
    })
}

fn parse(place: &str) -> Option<Place> {
    let (rest, column) = place.rsplit_once(':')?;
    let (file, line) = rest.rsplit_once(':')?;
    specifier::is_script(file).then_some(())?;
    Some(Place { file: file.to_owned(), line: line.parse().ok()?, column: column.parse().ok()? })
}

/// Removes the runner's own lines and bounds the rest.
pub(crate) fn without_own_lines(stack: &str) -> String {
    const LINES: usize = 50;
    let lines = stack.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains("saggar:"));
    lines.take(LINES).collect::<Vec<_>>().join("\n")
}
