//! Standard output: tables on a terminal, aligned text for pipes, JSON on request. Escapes all characters that control
//! a terminal.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::Context;
use comfy_table::{CellAlignment, ContentArrangement, Table as Drawn, presets};
use console::{style, truncate_str};
use saggar::Timestamp;
use saggar_sandbox::{escaped, needs_escape};
use serde::Serialize;

use crate::cli;

/// Width of a terminal that does not report its size.
const COLUMNS: u16 = 80;

/// Whether standard output is still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StdoutState {
    /// The reader may read more.
    Open,
    /// The reader has closed the pipe. The command ends, without an error.
    Closed,
}

/// Returns whether standard output is a terminal.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Returns whether standard output is a terminal that can redraw lines; a dumb one cannot.
pub(crate) fn supports_redraw() -> bool {
    is_terminal() && !console::is_dumb()
}

/// Writes text to standard output and flushes it. A full disk is an error.
pub(crate) fn write(text: &str) -> anyhow::Result<StdoutState> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(StdoutState::Open),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(StdoutState::Closed),
        Err(error) => Err(error).context("cannot write to standard output"),
    }
}

/// Escapes and writes a line.
pub(crate) fn line(text: &str) -> anyhow::Result<StdoutState> {
    write(&format!("{}\n", escaped(text)))
}

/// Writes a JSON document and a line end. On a terminal, writes the same document with escapes.
pub(crate) fn json(text: &str) -> anyhow::Result<StdoutState> {
    let text = if is_terminal() { escaped_json(text) } else { Cow::Borrowed(text) };
    write(&format!("{text}\n"))
}

/// Returns the same JSON with escapes for all characters that control a terminal. They occur only in strings, except
/// for the carriage return, which may be white space.
pub(crate) fn escaped_json(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c != '\n' && needs_escape(c)) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\r' => escaped.push(' '),
            c if c != '\n' && needs_escape(c) => {
                // Characters beyond U+FFFF have two units.
                escaped.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
            }
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// Escapes text for one line; replaces tabs with spaces.
pub(crate) fn cell(text: &str) -> String {
    escaped(text).replace('\t', " ")
}

/// Formats the time of a day, in UTC as in logs.
pub(crate) fn time_of_day(at: Timestamp) -> String {
    let time = Duration::from_millis(at.0);
    let seconds = time.as_secs() % 86_400;
    format!("{:02}:{:02}:{:02} UTC", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Returns the name of a status, a reason or the like, as on the wire.
pub(crate) fn name(of: &impl Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}

/// Returns the terminal's columns, and its lines if it reports them.
pub(crate) fn terminal_size() -> (u16, Option<u16>) {
    let size = console::Term::stdout().size_checked();
    (cli::columns().or(size.map(|(_, columns)| columns)).unwrap_or(COLUMNS), size.map(|(lines, _)| lines))
}

/// A table with a header and aligned columns. Truncated to the width of a terminal; complete for a pipe.
pub(crate) struct Table {
    columns: &'static [Column],
    rows: Vec<Vec<String>>,
    has_header: bool,
}

/// A column of a table: its title and alignment.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column {
    /// Text.
    Left(&'static str),
    /// Numbers.
    Right(&'static str),
}

impl Table {
    pub(crate) fn new(columns: &'static [Column]) -> Self {
        Self { columns, rows: Vec::new(), has_header: true }
    }

    /// Returns the same table without its header, to continue a printed table.
    pub(crate) fn without_header(self) -> Self {
        Self { has_header: false, ..self }
    }

    /// Escapes the cells and adds them as a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|text| cell(&text)).collect());
    }

    /// Prints the table.
    pub(crate) fn print(self) -> anyhow::Result<StdoutState> {
        let width = is_terminal().then(|| terminal_size().0);
        write(&self.draw(width))
    }

    fn draw(self, width: Option<u16>) -> String {
        let mut drawn = Drawn::new();
        drawn.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if self.has_header {
            drawn.set_header(self.columns.iter().map(|(Column::Left(title) | Column::Right(title))| *title));
        }
        drawn.add_rows(self.rows);
        drawn.discover_columns();
        for (column, title) in drawn.column_iter_mut().zip(self.columns) {
            column.set_padding((0, 2));
            if let Column::Right(_) = title {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let truncate = |line: &str| match width {
            Some(width) => truncate_str(line, usize::from(width), "…").into_owned(),
            None => line.to_owned(),
        };
        let lines = drawn.lines().enumerate().map(|(at, line)| match (truncate(line.trim_end()), width) {
            (header, Some(_)) if at == 0 && self.has_header => style(header).bold().to_string(),
            (line, _) => line,
        });
        lines.fold(String::new(), |text, line| text + &line + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[Column::Left("TASK"), Column::Right("JOBS"), Column::Left("SAYS")];

    fn table() -> Table {
        let mut table = Table::new(COLUMNS);
        table.row(["mail".into(), "7".into(), "all is well\twith\u{1b}[2J it".into()]);
        table.row(["märchen.erzählen".into(), "1200".into(), "日本".repeat(30)]);
        table
    }

    #[test]
    fn piped_tables_are_complete_and_aligned() {
        let long = "日本".repeat(30);
        let wanted = format!(
            "TASK              JOBS  SAYS\nmail                 7  all is well with\\u{{1b}}[2J it\nmärchen.erzählen  1200  {long}\n"
        );
        assert_eq!(table().draw(None), wanted);
        assert!(!table().without_header().draw(None).contains("TASK"));
    }

    #[test]
    fn tables_are_truncated_to_the_terminal_width() {
        let drawn = table().draw(Some(50));
        assert!(drawn.lines().all(|line| console::measure_text_width(line) <= 50), "{drawn}");
        assert!(drawn.contains("märchen.erzählen  1200  日本") && drawn.ends_with("…\n"), "{drawn}");
    }

    #[test]
    fn escaped_json_is_the_same_document() {
        let unsafe_json = "{\r\n\t\"a\": \"\u{202e}b\u{9b}31m\u{7f}\u{e0041}\"}";
        let escaped = escaped_json(unsafe_json);
        assert!(!escaped.chars().any(|c| c != '\n' && needs_escape(c)), "{escaped}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&escaped), read(unsafe_json));
        assert!(matches!(escaped_json("{\n}"), Cow::Borrowed(_)));
    }

    #[test]
    fn times_of_day_are_in_utc() {
        assert_eq!(time_of_day(Timestamp(1_795_770_123_456)), "09:02:03 UTC");
    }
}
