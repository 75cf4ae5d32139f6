//! Former names that are identifiers again, by the table in CHANGELOG.md.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use proc_macro2::{TokenStream, TokenTree};

use crate::renames::{Rename, Scope};
use crate::sources::Source;

/// A former name that is in use.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// The former name.
    pub former: String,
    /// How often it is an identifier.
    pub count: usize,
    /// The present name.
    pub present: String,
}

/// Counts of an identifier in a file.
#[derive(Default)]
struct Count {
    all: usize,
    /// As the name of a type or a module.
    items: usize,
}

/// Returns the former names that are identifiers, tests included, in the order of the table. Ignores comments and texts.
pub(super) fn find(renames: &[Rename], sources: &[Source]) -> Result<Vec<Found>> {
    let counted: Vec<_> =
        sources.iter().map(|source| Ok((&*source.path, identifiers(source)?))).collect::<Result<_>>()?;
    let found = renames.iter().map(|rename| Found {
        former: rename.former.clone(),
        count: counted.iter().map(|(path, counts)| uses(rename, path, counts)).sum(),
        present: rename.present.clone(),
    });
    Ok(found.filter(|found| found.count > 0).collect())
}

/// Returns how often a file uses a former name in its former meaning.
fn uses(rename: &Rename, path: &Path, counts: &BTreeMap<String, Count>) -> usize {
    let Some(count) = counts.get(&rename.former) else { return 0 };
    let is_in = |folders: &[PathBuf]| folders.is_empty() || folders.iter().any(|folder| path.starts_with(folder));
    match &rename.scope {
        Scope::Identifiers(folders) if is_in(folders) => count.all,
        Scope::Items(folders) if is_in(folders) => count.items,
        _ => 0,
    }
}

fn identifiers(source: &Source) -> Result<BTreeMap<String, Count>> {
    let tokens = source.text.parse().map_err(|error| anyhow!("cannot read {}: {error}", source.path.display()))?;
    let mut counts = BTreeMap::new();
    count(tokens, &mut counts);
    Ok(counts)
}

fn count(tokens: TokenStream, counts: &mut BTreeMap<String, Count>) {
    let mut is_definition = false;
    for token in tokens {
        let TokenTree::Ident(word) = token else {
            is_definition = false;
            if let TokenTree::Group(group) = token {
                count(group.stream(), counts);
            }
            continue;
        };
        let word = word.to_string();
        let is_definition_next = ["enum", "mod", "struct", "trait", "type"].contains(&&*word);
        let counted = counts.entry(word).or_default();
        counted.all += 1;
        counted.items += usize::from(is_definition);
        is_definition = is_definition_next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rename(former: &str, scope: Scope) -> Rename {
        Rename { former: former.into(), present: "Present".into(), scope }
    }

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    #[test]
    fn names_are_whole_identifiers_in_the_folders_that_the_table_has() {
        let renames = [
            rename("Former", Scope::Identifiers(Vec::new())),
            rename("Local", Scope::Identifiers(vec!["host/a".into()])),
            rename("Texts", Scope::Texts),
        ];
        let sources = [
            source(
                "host/a/src/lib.rs",
                "/// A Former.\nstruct Former; fn f(_: Former, _: Formers) { g(\"Former\", Local, Texts); }",
            ),
            source("host/ab/src/lib.rs", "fn f() { let Local = Former; }"),
        ];
        let found = find(&renames, &sources).unwrap();
        let counts: Vec<_> = found.iter().map(|found| (found.former.as_str(), found.count)).collect();
        assert_eq!(counts, [("Former", 3), ("Local", 1)]);
    }

    #[test]
    fn words_that_are_usual_for_values_count_only_as_names_of_types_and_modules() {
        let source = source("src/lib.rs", "enum Event { Former } struct Former; fn f(e: Former) {}");
        let found = find(&[rename("Former", Scope::Items(Vec::new()))], &[source]).unwrap();
        assert_eq!(found, [Found { former: "Former".into(), count: 1, present: "Present".into() }]);
    }
}
