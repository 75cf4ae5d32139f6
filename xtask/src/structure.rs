//! `cargo xtask structure`: the sizes of the workspace's crates and their import cycles, in figures that can be compared over time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::renames;
use crate::sources::{self, Crate, Source};

mod former_names;
mod imports;
mod items;

pub use former_names::Found;

/// The maximum number of folders between a crate's `src` and a file.
pub const DEEPEST: usize = 3;

/// The counts of a crate, without tests.
#[derive(Debug)]
pub struct Shape {
    /// The crate's name.
    pub name: String,
    /// The number of its files.
    pub files: usize,
    /// The number of their lines, without test modules in the same file.
    pub lines: usize,
    /// The number of functions and methods with a body.
    pub functions: usize,
    /// The modules and names of the functions whose body is a single call that passes on the arguments.
    pub forwarding: Vec<String>,
    /// The number of modules that the root declares.
    pub top_modules: usize,
    /// Type names that occur in more than one place, with their modules.
    pub repeated_types: BTreeMap<String, Vec<String>>,
    /// The groups of top modules that import each other.
    pub cycles: Vec<BTreeSet<String>>,
}

/// The counts of a workspace.
#[derive(Debug)]
pub struct Structure {
    /// Its crates, by name.
    pub shapes: Vec<Shape>,
    /// Files with more than [`DEEPEST`] folders between them and `src`.
    pub deep_files: Vec<PathBuf>,
    /// Former names that are identifiers.
    pub former_names: Vec<Found>,
}

impl Structure {
    /// Reads the workspace at `root`.
    pub fn read(root: &Path) -> Result<Self> {
        let files = sources::files(root)?;
        Ok(Self {
            shapes: sources::crates(root)?.iter().map(|of| Shape::of(of, &files)).collect(),
            deep_files: files.iter().filter(|file| is_deep(&file.path)).map(|file| file.path.clone()).collect(),
            former_names: former_names::find(&renames::read()?, &files)?,
        })
    }
}

impl Shape {
    fn of(of: &Crate, files: &[Source]) -> Self {
        let paths: BTreeSet<_> = of.modules.iter().map(|module| &module.file).collect();
        let sources = files.iter().filter(|file| paths.contains(&file.path));
        let functions: Vec<_> = of
            .modules
            .iter()
            .flat_map(|module| module.items.iter().flat_map(items::functions).map(move |function| (module, function)))
            .collect();
        Self {
            name: of.name.clone(),
            files: paths.len(),
            lines: sources.map(|file| file.text.lines().take_while(|line| *line != "mod tests {").count()).sum(),
            functions: functions.len(),
            forwarding: functions
                .iter()
                .filter(|(_, function)| function.forwards())
                .map(|(module, function)| format!("{}::{}", module.path.join("::"), function.signature.ident))
                .collect(),
            top_modules: of.modules.iter().filter(|module| module.path.len() == 1).count(),
            repeated_types: repeated_types(of),
            cycles: imports::cycles(&imports::graph(of)),
        }
    }
}

fn repeated_types(of: &Crate) -> BTreeMap<String, Vec<String>> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for module in &of.modules {
        for name in module.items.iter().filter_map(items::type_name) {
            places.entry(name).or_default().push(format!("crate::{}", module.path.join("::")));
        }
    }
    places.retain(|_, places| places.len() > 1);
    places
}

fn is_deep(file: &Path) -> bool {
    file.iter().skip_while(|part| *part != "src").skip(1).count() > DEEPEST + 1
}

impl fmt::Display for Structure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:24} {:>6} {:>7} {:>10} {:>11} {:>8} {:>10}",
            "crate", "files", "lines", "functions", "forwarding", "modules", "in cycles"
        )?;
        let in_cycles = |shape: &Shape| shape.cycles.iter().map(BTreeSet::len).sum();
        let mut totals = [0; 6];
        for shape in &self.shapes {
            let figures = [
                shape.files,
                shape.lines,
                shape.functions,
                shape.forwarding.len(),
                shape.top_modules,
                in_cycles(shape),
            ];
            row(f, &shape.name, figures)?;
            totals.iter_mut().zip(figures).for_each(|(total, figure)| *total += figure);
        }
        row(f, "total", totals)?;
        for shape in &self.shapes {
            for cycle in &shape.cycles {
                let modules: Vec<_> = cycle.iter().map(String::as_str).collect();
                writeln!(f, "\nimport cycle in {}: {}", shape.name, modules.join(", "))?;
            }
        }
        self.names(f)
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, figures: [usize; 6]) -> fmt::Result {
    let [files, lines, functions, forwarding, modules, in_cycles] = figures;
    writeln!(f, "{name:24} {files:>6} {lines:>7} {functions:>10} {forwarding:>11} {modules:>8} {in_cycles:>10}")
}

impl Structure {
    fn names(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repeated: usize = self.shapes.iter().map(|shape| shape.repeated_types.len()).sum();
        writeln!(f, "\ntype names that occur more than once in a crate: {repeated}")?;
        for shape in &self.shapes {
            for (name, places) in &shape.repeated_types {
                writeln!(f, "  {}: {name} in {}", shape.name, places.join(", "))?;
            }
        }
        writeln!(f, "\nfiles more than {DEEPEST} folders below src: {}", self.deep_files.len())?;
        for file in &self.deep_files {
            writeln!(f, "  {}", file.display())?;
        }
        writeln!(f, "\nforwarding functions:")?;
        for shape in &self.shapes {
            for function in &shape.forwarding {
                writeln!(f, "  {}: {function}", shape.name)?;
            }
        }
        let uses: usize = self.former_names.iter().map(|found| found.count).sum();
        writeln!(f, "\nformer names: {}, {uses} times", self.former_names.len())?;
        for Found { former, count, present } in &self.former_names {
            writeln!(f, "  {former} {count} (now: {present})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_the_folders_below_src() {
        assert!(!is_deep(Path::new("host/crates/a/src/b/c/d/e.rs")));
        assert!(is_deep(Path::new("host/crates/a/src/b/c/d/e/f.rs")));
        assert!(!is_deep(Path::new("tests/tests/b/c/d/e/f/g.rs")));
    }
}
