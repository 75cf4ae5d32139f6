//! `saggar config`: what the configuration comes to, and where each value comes from.

use super::output::{self, cell};
use super::{USAGE, show};
use crate::cli::Config;
use crate::config::Loaded;

pub(crate) fn run(args: &Config, loaded: &Loaded) -> anyhow::Result<u8> {
    if args.json {
        output::json(&serde_json::to_string_pretty(&loaded.document())?)?;
    } else {
        if !loaded.has_errors() {
            print(&loaded.rows().into_iter().map(escaped).collect::<Vec<_>>())?;
        }
        show::problems(&loaded.problems);
    }
    Ok(if loaded.has_errors() { USAGE } else { 0 })
}

/// A row without what a terminal would obey: its value may be anything. Of several lines, each stays one.
fn escaped(row: [String; 3]) -> [String; 3] {
    row.map(|text| text.lines().map(cell).collect::<Vec<_>>().join("\n"))
}

/// Three columns; of a value with several lines, the others stand below the first.
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
