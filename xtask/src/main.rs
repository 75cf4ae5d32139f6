//! The repository's own commands: `cargo demo` and `cargo xtask …`.

#![expect(clippy::print_stderr, reason = "the user of a command line tool reads it")]

use std::ffi::OsString;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use xtask::script_runner::{self, Action, Test262};
use xtask::structure::Structure;

const USAGE: &str = "\
usage: cargo demo             builds the examples and the host, and shows them at work
       cargo xtask test [ARG…]
                              installs what the tests need and runs all of them; arguments go to `cargo test`
       cargo xtask examples   builds the examples' plugins and installs them into the apps
       cargo xtask script-runner [--check | --bench]
                              rebuilds the component that runs scripts, or checks that the committed one behaves like a new
                              one, or measures it
       cargo xtask script-runner --test262 [--accept | --share N | FILTER]
                              runs the language's own tests on the committed one and compares what fails with the list, or
                              writes the list, or runs one test in N, or says why the tests with FILTER in their path fail
       cargo xtask dependencies
                              checks the licences, sources and versions of what is depended on
       cargo xtask structure [ROOT]
                              prints the sizes of the crates, their import cycles, repeated and former names
       cargo xtask vendor NAME VERSION
                              replaces a library of the dashboard by another version from npm";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.to_str(), rest),
        None => (None, &[][..]),
    };
    let result = match (command, rest) {
        (Some("demo"), []) => xtask::demo::run().map(|()| true),
        (Some("test"), arguments) => xtask::suite::run(arguments),
        (Some("examples"), []) => examples(),
        (Some("script-runner"), arguments) if let Some(action) = action(arguments) => {
            script_runner::run(action).map(|()| true)
        }
        (Some("dependencies"), []) => xtask::dependencies::check().map(|()| true),
        (Some("structure"), []) => structure(xtask::examples::root()),
        (Some("vendor"), [name, version]) if let (Some(name), Some(version)) = (name.to_str(), version.to_str()) => {
            xtask::vendor::run(name, version).map(|()| true)
        }
        (Some("structure"), [root]) => structure(Path::new(root)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Parses the arguments of `script-runner`; `None` if they are invalid.
fn action(arguments: &[OsString]) -> Option<Action> {
    match arguments.iter().map(|it| it.to_str()).collect::<Option<Vec<_>>>()?.as_slice() {
        [] => Some(Action::Rebuild),
        ["--check"] => Some(Action::Check),
        ["--bench"] => Some(Action::Benchmark),
        ["--test262"] => Some(Action::Test262(Test262::Compare)),
        ["--test262", "--accept"] => Some(Action::Test262(Test262::Accept)),
        ["--test262", "--share", share] => {
            share.parse::<NonZeroUsize>().ok().map(|share| Action::Test262(Test262::CompareShare(share)))
        }
        ["--test262", filter] => Some(Action::Test262(Test262::Explain((*filter).to_owned()))),
        _ => None,
    }
}

fn examples() -> Result<bool> {
    for component in xtask::examples::install()? {
        eprintln!("{}", component.display());
    }
    Ok(true)
}

fn structure(root: &Path) -> Result<bool> {
    let structure = Structure::read(root)?;
    write!(std::io::stdout().lock(), "{structure}").context("cannot write to standard output")?;
    Ok(true)
}
