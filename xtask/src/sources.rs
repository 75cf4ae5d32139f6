//! Parses the sources of a workspace: its crates, their modules, and the items of each. Skips code that is compiled for tests only:
//! items with `cfg(test)`, modules named `tests`, and items that are shared with tests behind a feature.
//!
//! `structure` and the tidy test count and check them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Item, ItemMod, Lit, Meta, Token};

use crate::cargo;

/// A library or a binary of a package.
#[derive(Debug)]
pub struct Crate {
    /// Its name in cargo; followed by ` (binary)` for a binary beside a library of the same name.
    pub name: String,
    /// The modules, the crate's root first, each before its submodules.
    pub modules: Vec<Module>,
}

/// A module and its direct items.
#[derive(Debug)]
pub struct Module {
    /// The names from the crate's root down; empty for the root itself.
    pub path: Vec<String>,
    /// The file, relative to the workspace; for an inline module, the file that contains it.
    pub file: PathBuf,
    /// Its items, except modules and items for tests.
    pub items: Vec<Item>,
}

/// A Rust source of the repository, tests included.
pub struct Source {
    /// The path relative to the repository.
    pub path: PathBuf,
    /// The content.
    pub text: String,
}

/// Returns every Rust source below `root`, except in target directories and in `ui`, which has intentionally invalid programs.
pub fn files(root: &Path) -> Result<Vec<Source>> {
    let mut found = Vec::new();
    walk(root, root, &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<Source>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !["target", "ui"].contains(&&*name) && !name.starts_with('.') {
            walk(root, &path, found)?;
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            found.push(Source { path: path.strip_prefix(root).unwrap_or(&path).to_owned(), text });
        }
    }
    Ok(())
}

/// Returns every library and binary of the workspace at `root`, ordered by name.
pub fn crates(root: &Path) -> Result<Vec<Crate>> {
    let root = root.canonicalize().with_context(|| format!("cannot find {}", root.display()))?;
    let mut crates = Vec::new();
    for package in &cargo::metadata(&root, &["--no-deps"])?.packages {
        let is_library = |target: &cargo::Target| target.kind.iter().any(|kind| kind == "lib" || kind == "proc-macro");
        let library = package.targets.iter().find(|target| is_library(target));
        for target in package.targets.iter().filter(|target| is_library(target) || target.kind == ["bin"]) {
            let is_beside = !is_library(target) && library.is_some_and(|library| library.name == target.name);
            let name = if is_beside { format!("{} (binary)", target.name) } else { target.name.clone() };
            crates.push(Crate { name, modules: read(&root, &target.src_path)? });
        }
    }
    crates.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(crates)
}

/// Returns the modules of a crate whose root is in `file`.
fn read(root: &Path, file: &Path) -> Result<Vec<Module>> {
    let mut found = Vec::new();
    let directory = file.parent().context("a source lies in a folder")?;
    collect(root, file, directory, Vec::new(), &mut found)?;
    Ok(found)
}

/// Reads `file` as the module at `path`; the files of its submodules are in `directory`.
fn collect(root: &Path, file: &Path, directory: &Path, path: Vec<String>, found: &mut Vec<Module>) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let parsed = syn::parse_file(&text).with_context(|| format!("cannot parse {}", file.display()))?;
    add(&Location { root, file, directory }, parsed.items, path, found)
}

/// The location of a module's source.
struct Location<'a> {
    root: &'a Path,
    file: &'a Path,
    /// The directory of its submodules' files.
    directory: &'a Path,
}

fn add(at: &Location<'_>, items: Vec<Item>, path: Vec<String>, found: &mut Vec<Module>) -> Result<()> {
    let file = at.file.strip_prefix(at.root).unwrap_or(at.file).to_owned();
    let index = found.len();
    found.push(Module { path: path.clone(), file, items: Vec::new() });
    for item in items.into_iter().filter(|item| !is_for_tests(attributes(item))) {
        match item {
            Item::Mod(module) if module.ident == "tests" => {}
            Item::Mod(module) => add_module(at, module, &path, found)?,
            item => found[index].items.push(item),
        }
    }
    Ok(())
}

fn add_module(at: &Location<'_>, module: ItemMod, parent: &[String], found: &mut Vec<Module>) -> Result<()> {
    let name = module.ident.to_string();
    let path: Vec<_> = parent.iter().cloned().chain([name.clone()]).collect();
    let directory = at.directory.join(&name);
    if let Some((_, items)) = module.content {
        return add(&Location { directory: &directory, ..*at }, items, path, found);
    }
    if let Some(elsewhere) = module.attrs.iter().find_map(written_path) {
        let file = at.file.parent().context("a source lies in a folder")?.join(elsewhere);
        return collect(at.root, &file, &directory, path, found);
    }
    let beside = at.directory.join(format!("{name}.rs"));
    let file = if beside.is_file() { beside } else { directory.join("mod.rs") };
    collect(at.root, &file, &directory, path, found)
}

/// Returns the file that `#[path = "…"]` names.
fn written_path(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// Returns an item's attributes.
pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Returns whether an item with these attributes is compiled only for tests, or for tests and behind a feature that shares them.
pub fn is_for_tests(attributes: &[Attribute]) -> bool {
    let configured = |attribute: &&Attribute| attribute.path().is_ident("cfg");
    let is_for_tests = |attribute: &Attribute| attribute.parse_args::<Meta>().is_ok_and(|meta| asks_for_tests(&meta));
    attributes.iter().filter(configured).any(is_for_tests)
}

fn asks_for_tests(predicate: &Meta) -> bool {
    match predicate {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("any") || list.path.is_ident("all") => list
            .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .is_ok_and(|parts| parts.iter().any(asks_for_tests)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of sources, which is removed when the value is dropped.
    struct Sources(PathBuf);

    impl Sources {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let folder = std::env::temp_dir().join(format!("sources-{name}-{}", std::process::id()));
            for (path, text) in files {
                let path = folder.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(folder)
        }
    }

    impl Drop for Sources {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn modules_are_found_where_rustc_finds_them() {
        let sources = Sources::new(
            "found",
            &[
                ("lib.rs", "mod a;\nmod b;\n#[path = \"other.rs\"] mod c;\nmod inline { mod d; struct Here; }"),
                ("a.rs", "mod below;"),
                ("a/below.rs", ""),
                ("b/mod.rs", "mod beside;"),
                ("b/beside.rs", ""),
                ("other.rs", ""),
                ("inline/d.rs", ""),
            ],
        );
        let modules = read(&sources.0, &sources.0.join("lib.rs")).unwrap();
        let found: Vec<_> =
            modules.iter().map(|module| (module.path.join("::"), module.file.to_str().unwrap())).collect();
        let expected = [
            ("", "lib.rs"),
            ("a", "a.rs"),
            ("a::below", "a/below.rs"),
            ("b", "b/mod.rs"),
            ("b::beside", "b/beside.rs"),
            ("c", "other.rs"),
            ("inline", "lib.rs"),
            ("inline::d", "inline/d.rs"),
        ];
        assert_eq!(found, expected.map(|(path, file)| (path.to_owned(), file)));
    }

    #[test]
    fn what_is_for_tests_is_left_out() {
        let text = r#"
            #[cfg(test)] mod fakes;
            #[cfg(any(test, feature = "shared"))] pub mod conformance;
            mod tests;
            #[cfg(all(unix, test))] fn only_there() {}
            #[cfg(not(test))] fn stays() {}
            #[cfg(unix)] fn stays_too() {}
        "#;
        let sources = Sources::new("left-out", &[("lib.rs", text)]);
        let modules = read(&sources.0, &sources.0.join("lib.rs")).unwrap();
        assert_eq!(modules.len(), 1);
        let names = modules[0].items.iter().map(|item| match item {
            Item::Fn(function) => function.sig.ident.to_string(),
            other => panic!("{other:?}"),
        });
        assert_eq!(names.collect::<Vec<_>>(), ["stays", "stays_too"]);
    }

    #[test]
    fn a_source_that_does_not_parse_is_named() {
        let sources = Sources::new("broken", &[("lib.rs", "fn {")]);
        let error = read(&sources.0, &sources.0.join("lib.rs")).unwrap_err();
        assert!(format!("{error:#}").contains("lib.rs"), "{error:#}");
    }
}
