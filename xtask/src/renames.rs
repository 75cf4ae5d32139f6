//! The table of former names in CHANGELOG.md. It is the only text that has them, and the checks read it from there.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use crate::examples;

/// The heading of the table.
const HEADING: &str = "#### Former names";

/// A name that was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// The former name.
    pub former: String,
    /// The present name, or several that share its meaning.
    pub present: String,
    /// What must not have the former name.
    pub scope: Scope,
}

/// What must not have a former name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Any text of the repository.
    Texts,
    /// Identifiers of Rust sources below these folders, or anywhere.
    Identifiers(Vec<PathBuf>),
    /// As identifiers, but only names of types and modules, because the word is usual for values.
    Items(Vec<PathBuf>),
}

/// Reads the table of this repository.
pub fn read() -> Result<Vec<Rename>> {
    let path = examples::root().join("CHANGELOG.md");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text)
}

fn parse(changelog: &str) -> Result<Vec<Rename>> {
    let (_, section) = changelog.split_once(HEADING).context("the changelog has no table of former names")?;
    let lines = section.lines().take_while(|line| !line.starts_with('#'));
    let mut renames = Vec::new();
    for line in lines.filter(|line| line.starts_with("| `")) {
        renames.extend(row(line).with_context(|| format!("in the table of former names: {line}"))?);
    }
    ensure!(!renames.is_empty(), "the table of former names is empty");
    Ok(renames)
}

/// Returns the names of a row, which has three cells.
fn row(line: &str) -> Result<Vec<Rename>> {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [former, present, scope] = cells[..] else { bail!("expected three cells") };
    let scope = Scope::parse(scope).context("expected `texts`, `identifiers` or `items` in the last cell")?;
    let rename =
        |former: &str| Rename { former: former.to_owned(), present: present.replace('`', ""), scope: scope.clone() };
    Ok(quoted(former).map(rename).collect())
}

/// Returns the parts of a cell between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

impl Scope {
    fn parse(cell: &str) -> Option<Self> {
        let folders = quoted(cell).map(PathBuf::from).collect();
        match cell.split(' ').next()? {
            "texts" => Some(Self::Texts),
            "identifiers" => Some(Self::Identifiers(folders)),
            "items" => Some(Self::Items(folders)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn rows_have_former_names_and_where_they_must_not_be() {
        let table = "#### Former names\n\n| former name | name | not in |\n| --- | --- | --- |\n\
                     | `one`, `two` | `three` | texts |\n| `four` | — | items of `a/b`, `c` |\n\n### Fixed\n| `five` | | texts |\n";
        let rename =
            |former: &str, present: &str, scope| Rename { former: former.into(), present: present.into(), scope };
        let expected = [
            rename("one", "three", Scope::Texts),
            rename("two", "three", Scope::Texts),
            rename("four", "—", Scope::Items(vec!["a/b".into(), "c".into()])),
        ];
        assert_eq!(parse(table).unwrap(), expected);
        assert!(parse("#### Former names\n\n### Fixed\n").is_err(), "it is empty");
        assert!(parse("#### Former names\n| `one` | `two` | everywhere |\n").is_err());
    }

    #[test]
    fn the_table_of_the_repository_lists_no_name_twice() {
        let renames = read().unwrap();
        assert!(renames.len() > 60, "only {} names were found", renames.len());
        let names: BTreeSet<_> = renames.iter().map(|rename| &rename.former).collect();
        assert_eq!(names.len(), renames.len());
    }
}
