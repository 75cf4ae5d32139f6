//! `saggar config`: prints the effective configuration, and where each value comes from.

use super::output::{self, cell};
use super::{USAGE, show};
use crate::cli::ConfigArgs;
use crate::config::Loaded;
use crate::problems;

pub(crate) fn run(args: &ConfigArgs, loaded: &Loaded) -> anyhow::Result<u8> {
    if args.json {
        output::json(&serde_json::to_string_pretty(&loaded.document())?)?;
    } else {
        if !loaded.has_errors() {
            print(&loaded.rows().into_iter().map(escaped).collect::<Vec<_>>())?;
        }
        problems::print(&loaded.problems);
    }
    Ok(if loaded.has_errors() { USAGE } else { 0 })
}

/// Escapes a row, because a value may contain any characters. Keeps line breaks.
fn escaped(row: [String; 3]) -> [String; 3] {
    row.map(|text| text.lines().map(cell).collect::<Vec<_>>().join("\n"))
}

/// Prints three columns. A value of several lines continues below its first line.
fn print(rows: &[[String; 3]]) -> anyhow::Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.flat_map(|cell| cell.lines()).map(|line| line.chars().count()).max().unwrap_or(0)
    };
    let (keys, values) = (width(0), width(1));
    for [key, value, origin] in rows {
        let mut lines = value.lines();
        let first = lines.next().unwrap_or("-");
        show::line(&format!("{key:keys$}  {first:values$}  {origin}"))?;
        for line in lines {
            show::line(&format!("{:keys$}  {line}", ""))?;
        }
    }
    Ok(())
}
