//! Snapshots the script runner, checks its behaviour and measures it. `cargo xtask script-runner` runs it.

#![expect(clippy::print_stdout, reason = "what it prints is what it is run for")]

mod bench;
mod case;
mod damage;
mod host;
mod runner;
mod snapshot;
mod stripping;
mod suite;
mod test262;

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;

use wasmtime::error::Context as _;
use wasmtime::{Result, bail, ensure};

use crate::runner::Runner;
use crate::test262::Purpose;

const USAGE: &str = "\
usage: harness snapshot IN OUT       makes the snapshot of the runner that cargo built
       harness conformance WASM [OTHER] [FILTER]
                                     runs the conformance suite; with two components, on both, and compares all outcomes
       harness types WASM [OTHER] [FILTER]
                                     checks the type stripper in the same way
       harness bench WASM            prints the times of fresh and warm calls
       harness test262 WASM FOLDER LIST [--accept | --share N | FILTER]
                                     runs the language's own tests, and compares what fails with a list, or writes the list,
                                     or runs one test in N, or says why the tests with FILTER in their path fail";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["snapshot", from, to] => snapshot(from, to),
        ["conformance", component] => conformance(component, None, ""),
        ["conformance", component, other] if other.ends_with(".wasm") => conformance(component, Some(other), ""),
        ["conformance", component, filter] => conformance(component, None, filter),
        ["types", component] => types(component, None, ""),
        ["types", component, other] if other.ends_with(".wasm") => types(component, Some(other), ""),
        ["types", component, filter] => types(component, None, filter),
        ["bench", component] => read(component).and_then(|wasm| bench::run(&wasm)),
        ["test262", component, folder, list] => test262(component, folder, list, Purpose::Compare),
        ["test262", component, folder, list, "--accept"] => test262(component, folder, list, Purpose::Accept),
        ["test262", component, folder, list, "--share", share] if let Ok(share) = share.parse::<NonZeroUsize>() => {
            test262(component, folder, list, Purpose::CompareShare(share))
        }
        ["test262", component, folder, list, filter] => test262(component, folder, list, Purpose::Explain(filter)),
        _ => {
            println!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn read(path: &str) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {path}"))
}

fn snapshot(from: &str, to: &str) -> Result<()> {
    let component = read(from)?;
    let snapshot = snapshot::make(&component)?;
    fs::write(to, &snapshot).with_context(|| format!("cannot write {to}"))?;
    println!("{to}: {} bytes; before the snapshot {}", snapshot.len(), component.len());
    Ok(())
}

fn test262(component: &str, folder: &str, list: &str, purpose: Purpose<'_>) -> Result<()> {
    test262::run(&read(component)?, Path::new(folder), Path::new(list), purpose)
}

fn types(component: &str, other: Option<&str>, filter: &str) -> Result<()> {
    let other = other.map(read).transpose()?;
    stripping::run(&read(component)?, other.as_deref(), filter)
}

fn conformance(component: &str, other: Option<&str>, filter: &str) -> Result<()> {
    let cases: Vec<_> = suite::all().into_iter().filter(|case| case.name.contains(filter)).collect();
    ensure!(!cases.is_empty(), "no case is named like `{filter}`");
    let transcripts = check(component, &cases)?;
    let Some(other) = other else { return Ok(()) };
    let others = check(other, &cases)?;
    let different: Vec<String> = cases
        .iter()
        .zip(transcripts.iter().zip(&others))
        .filter(|(_, (here, there))| here != there)
        .map(|(case, (here, there))| format!("{}:\n  {component}:\n{here}\n  {other}:\n{there}", case.name))
        .collect();
    ensure!(different.is_empty(), "the components behave differently:\n{}", different.join("\n"));
    println!("both behave the same in {} cases", cases.len());
    Ok(())
}

/// Runs all cases; returns what happened in each.
fn check(component: &str, cases: &[case::Case]) -> Result<Vec<String>> {
    let runner = Runner::new(&read(component)?)?;
    let mut transcripts = Vec::new();
    let mut failures = Vec::new();
    for case in cases {
        let (transcript, problems) = case.run(&runner);
        failures.extend(problems.into_iter().map(|problem| format!("{}: {problem}", case.name)));
        transcripts.push(transcript);
    }
    println!("{component}: {} cases, {} failures", cases.len(), failures.len());
    if !failures.is_empty() {
        bail!("{component}:\n{}", failures.join("\n"));
    }
    Ok(transcripts)
}
