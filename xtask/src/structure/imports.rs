//! The module graph of a crate, which top modules use which others, and its cycles.
//!
//! A use is a path that begins with `crate`, `self` or `super`: in a `use`, in an expression or among a macro's arguments.
//! An item that the root re-exports belongs to the module that defines it.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use syn::{Item, UseTree};

use crate::sources::{Crate, Module};
use crate::structure::items::without_tests;

/// The other top modules that each top module uses.
pub(super) type Graph = BTreeMap<String, BTreeSet<String>>;

/// Returns the module graph of a crate.
pub(super) fn graph(of: &Crate) -> Graph {
    let tops = of.modules.iter().filter(|module| module.path.len() == 1);
    let mut graph: Graph = tops.map(|module| (module.path[0].clone(), BTreeSet::new())).collect();
    let exported = of.modules.first().map(|root| exported(root, &graph)).unwrap_or_default();
    for module in of.modules.iter().filter(|module| !module.path.is_empty()) {
        for item in &module.items {
            for path in paths(&module.path, without_tests(item)) {
                let Some(first) = path.first() else { continue };
                let used = if graph.contains_key(first) { Some(first) } else { exported.get(first) };
                let from = &module.path[0];
                if let Some(used) = used.filter(|used| *used != from).cloned() {
                    graph.entry(from.clone()).or_default().insert(used);
                }
            }
        }
    }
    graph
}

/// Returns the groups of modules in which each module uses all others, directly or indirectly.
pub(super) fn cycles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<_, _> = graph.keys().map(|module| (module.as_str(), reached(graph, module))).collect();
    let mut cycles: Vec<BTreeSet<String>> = Vec::new();
    for (module, others) in &reached {
        let is_mutual = |other: &&&str| reached[**other].contains(module);
        let cycle: BTreeSet<_> = others.iter().filter(is_mutual).map(|other| (*other).to_owned()).collect();
        if cycle.len() > 1 && !cycles.contains(&cycle) {
            cycles.push(cycle);
        }
    }
    cycles
}

/// Returns all modules that `module` uses, directly or indirectly; includes itself if it is in a cycle.
fn reached<'a>(graph: &'a Graph, module: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = graph[module].iter().map(String::as_str).collect();
    while let Some(module) = next.pop() {
        if reached.insert(module) {
            next.extend(graph[module].iter().map(String::as_str));
        }
    }
    reached
}

/// Returns the names that the root imports or re-exports, and the top module of each.
fn exported(root: &Module, tops: &Graph) -> BTreeMap<String, String> {
    let mut exported = BTreeMap::new();
    for item in &root.items {
        if let Item::Use(item) = item {
            name(&item.tree, &mut Vec::new(), &mut |path, name| {
                let from = path.iter().find(|part| !["self", "crate"].contains(&part.as_str()));
                if let Some(top) = from.filter(|top| tops.contains_key(*top)) {
                    exported.insert(name, top.clone());
                }
            });
        }
    }
    exported
}

/// Calls `found` with every path of a `use` and the name that it imports.
fn name(tree: &UseTree, before: &mut Vec<String>, found: &mut impl FnMut(&[String], String)) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            name(&path.tree, before, found);
            before.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| name(tree, before, found)),
        UseTree::Name(last) => found(before, last.ident.to_string()),
        UseTree::Rename(last) => found(before, last.rename.to_string()),
        UseTree::Glob(_) => {}
    }
}

/// Returns the paths in `code` of `module`, relative to the crate's root: `["queue", "Queue"]` for `crate::queue::Queue`.
fn paths(module: &[String], code: TokenStream) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    scan(module, code, &mut found);
    found
}

fn scan(module: &[String], code: TokenStream, found: &mut Vec<Vec<String>>) {
    let tokens: Vec<TokenTree> = code.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Group(group) => scan(module, group.stream(), found),
            TokenTree::Ident(word) if begins_a_path(&tokens, at) && is_separator(&tokens, at + 1) => {
                if let Some(base) = base(module, &word.to_string()) {
                    at = follow(&tokens, at + 1, base, found);
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// Returns the module at which a path begins; `None` if it begins with an imported name or another crate.
fn base(module: &[String], word: &str) -> Option<Vec<String>> {
    match word {
        "crate" => Some(Vec::new()),
        "self" => Some(module.to_vec()),
        "super" => Some(module[..module.len().saturating_sub(1)].to_vec()),
        _ => None,
    }
}

/// Reads the rest of a path from the `::` at `at`; returns the index after its end.
fn follow(tokens: &[TokenTree], mut at: usize, mut path: Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    while is_separator(tokens, at) {
        match tokens.get(at + 2) {
            Some(TokenTree::Ident(word)) if word == "super" => drop(path.pop()),
            Some(TokenTree::Ident(word)) => path.push(word.to_string()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                branch(group.stream(), &path, found);
                return at + 3;
            }
            _ => break,
        }
        at += 3;
    }
    found.push(path);
    at
}

/// Reads the branches of a `use`, between its braces.
fn branch(code: TokenStream, path: &[String], found: &mut Vec<Vec<String>>) {
    let tokens: Vec<TokenTree> = code.into_iter().collect();
    for branch in tokens.split(|token| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',')) {
        match branch.first() {
            Some(TokenTree::Ident(word)) if word == "self" => found.push(path.to_vec()),
            Some(TokenTree::Ident(word)) => {
                let path = path.iter().cloned().chain([word.to_string()]).collect();
                follow(branch, 1, path, found);
            }
            _ => {}
        }
    }
}

fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |at| match tokens.get(at) {
        Some(TokenTree::Punct(mark)) if mark.as_char() == ':' => Some(mark.spacing()),
        _ => None,
    };
    colon(at) == Some(Spacing::Joint) && colon(at + 1).is_some()
}

/// Returns whether a path begins at `at`: not within a path, and not after the `$` of `$crate` in a macro's body.
fn begins_a_path(tokens: &[TokenTree], at: usize) -> bool {
    let is_within = at >= 2 && is_separator(tokens, at - 2);
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    let is_in_macro = matches!(before, Some(TokenTree::Punct(mark)) if mark.as_char() == '$');
    !is_within && !is_in_macro
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(module: &str, code: &str) -> Vec<String> {
        let module: Vec<_> = module.split("::").map(str::to_owned).collect();
        paths(&module, code.parse().unwrap()).into_iter().map(|path| path.join("::")).collect()
    }

    fn module(path: &str, code: &str) -> Module {
        let path = path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        Module { path, file: "lib.rs".into(), items: syn::parse_file(code).unwrap().items }
    }

    fn uses(modules: Vec<Module>) -> Graph {
        graph(&Crate { name: "test".into(), modules })
    }

    fn set(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn paths_are_named_from_the_root_on() {
        assert_eq!(named("a", "use crate::b::{self, C, d::{E, F as G}};"), ["b", "b::C", "b::d::E", "b::d::F"]);
        assert_eq!(named("a::b", "use super::c; use super::super::d; use self::e;"), ["a::c", "d", "a::b::e"]);
        assert_eq!(named("a", "fn f() -> crate::b::C<crate::d::E> { crate::g::h::<u8>() }"), ["b::C", "d::E", "g::h"]);
        assert_eq!(named("a", "println!(\"{}\", crate::b::c());"), ["b::c"]);
    }

    #[test]
    fn what_is_no_path_into_the_crate_names_nothing() {
        assert_eq!(named("a", "use std::fmt; pub(crate) fn f(&self) -> Self { self.x(); Self::new(b::c) }"), [""; 0]);
        assert_eq!(named("a", "use other::crate_::b;"), [""; 0]);
        assert_eq!(named("a", "macro_rules! m { () => { $crate::b::C } }"), [""; 0]);
    }

    #[test]
    fn what_the_root_re_exports_belongs_to_its_module() {
        let root = module("", "pub use b::{c::Deep, Plain as Renamed}; pub use self::b::Own; use other::Foreign;");
        let code = |path: &str| format!("fn f(_: crate::{path}) {{}}");
        for (path, expected) in [("Deep", set(&["b"])), ("Renamed", set(&["b"])), ("Own", set(&["b"]))] {
            let root = Module { path: Vec::new(), file: "lib.rs".into(), items: root.items.clone() };
            let graph = uses(vec![root, module("a", &code(path)), module("b", "")]);
            assert_eq!(graph["a"], expected, "{path}");
        }
        let graph = uses(vec![root, module("a", &code("Foreign")), module("b", "")]);
        assert_eq!(graph["a"], set(&[]));
    }

    #[test]
    fn modules_below_count_for_their_top_module_and_tests_do_not() {
        let below = module("a::below", "use super::super::b::C; use super::D;");
        let methods = module("c", "impl X { #[cfg(test)] fn f() { crate::a::g() } fn h() { crate::b::i() } }");
        let graph = uses(vec![module("", ""), module("a", ""), below, module("b", ""), methods]);
        assert_eq!(graph["a"], set(&["b"]));
        assert_eq!(graph["c"], set(&["b"]));
        assert_eq!(graph["b"], set(&[]));
    }

    #[test]
    fn each_cycle_is_one_group() {
        let edges = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "e"), ("e", "d"), ("f", "a")];
        let mut graph: Graph = ["a", "b", "c", "d", "e", "f"].map(|module| (module.to_owned(), BTreeSet::new())).into();
        for (from, to) in edges {
            graph.get_mut(from).unwrap().insert(to.to_owned());
        }
        assert_eq!(cycles(&graph), [set(&["a", "b", "c"]), set(&["d", "e"])]);
    }
}
