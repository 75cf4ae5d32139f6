//! Makes scripts of a test, runs them, and judges how they end, as the suite's INTERPRETING.md says.
//!
//! A script is one file, so the harness files are prepended to the test. A module is imported by an entry module, after a module
//! that defines the globals of the harness.

use wasmtime::Result;
use wasmtime::error::Context as _;

use super::metadata::{Metadata, Negative};
use super::report::{Outcome, Verdict};
use super::suite::Suite;
use crate::host::Host;
use crate::runner::{Ending, Role, Runner};

/// What each test may use.
const ALWAYS: [&str; 2] = ["assert.js", "sta.js"];

/// The function that is called once the test has run to its end; it waits for `$DONE`.
const RUN: &str = "$run";
const SYNC: &str = "function $run() {}\n";
const ASYNC: &str = "var $DONE, $finished = new Promise((resolve, reject) => { \
    $DONE = (error) => error ? reject(error) : resolve(); }); function $run() { return $finished; }\n";

/// The object of host functions that are not part of the language: other realms, threads, detaching buffers.
const HOST_OBJECT: &str = "$262";

/// The byte of a compiled file that says in which form the runner took it, and its value for a script.
const FORM_AT: usize = 4;
const FORM_OF_SCRIPTS: u8 = b's';

/// One way to run a test.
struct Program {
    files: Vec<(String, String)>,
    is_module: bool,
}

/// Runs a test in every mode that it has to pass in.
pub(crate) fn run(runner: &Runner, suite: &Suite, path: &str) -> Result<Outcome> {
    let text = suite.read(path)?;
    let metadata = Metadata::read(&text).context("it has no metadata")?;
    let harness = harness(suite, &metadata)?;
    let verdict = match needs(&metadata, &[&text, &harness]) {
        Some(what) => Verdict::NeedsHost(what),
        None => {
            let programs = programs(suite, path, &text, &metadata, &harness)?;
            programs
                .iter()
                .map(|program| judge(runner, program, &metadata))
                .find(|it| *it != Verdict::Pass)
                .unwrap_or(Verdict::Pass)
        }
    };
    Ok(Outcome { test: path.into(), features: metadata.features, verdict })
}

/// Returns what the test needs beyond the engine.
fn needs(metadata: &Metadata, texts: &[&str]) -> Option<&'static str> {
    if texts.iter().any(|text| text.contains(HOST_OBJECT)) {
        return Some(HOST_OBJECT);
    }
    ["CanBlockIsTrue", "CanBlockIsFalse"].into_iter().find(|flag| metadata.has(flag))
}

fn harness(suite: &Suite, metadata: &Metadata) -> Result<String> {
    if metadata.has("raw") {
        return Ok(String::new());
    }
    let mut text = if metadata.has("async") { ASYNC } else { SYNC }.to_owned();
    let included = metadata.includes.iter().map(String::as_str).filter(|name| !ALWAYS.contains(name));
    for name in ALWAYS.into_iter().chain(included) {
        text += suite.harness(name).with_context(|| format!("the suite has no `{name}`"))?;
        text.push('\n');
    }
    Ok(text)
}

fn programs(suite: &Suite, path: &str, text: &str, metadata: &Metadata, harness: &str) -> Result<Vec<Program>> {
    let script = |text: String| Program { files: vec![(format!("scripts/{path}"), text)], is_module: false };
    if metadata.has("module") {
        return Ok(vec![Program { files: modules(suite, path, text, harness)?, is_module: true }]);
    }
    if metadata.has("raw") {
        return Ok(vec![script(text.into())]);
    }
    let mut programs = Vec::new();
    if !metadata.has("onlyStrict") {
        programs.push(script(format!("{harness}{text}")));
    }
    if !metadata.has("noStrict") {
        programs.push(script(format!("\"use strict\";\n{harness}{text}")));
    }
    Ok(programs)
}

/// Returns the entry, the harness, the test, and what it imports.
fn modules(suite: &Suite, path: &str, text: &str, harness: &str) -> Result<Vec<(String, String)>> {
    let quoted = harness.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\r', "\\r");
    let entry = format!(
        "import './harness.mjs';\nimport './{path}';\nexport function {RUN}() {{ return globalThis.$finished; }}\n"
    );
    let mut files = vec![
        ("scripts/run.mjs".to_owned(), entry),
        ("scripts/harness.mjs".to_owned(), format!("(0, eval)(\"{quoted}\");\n")),
        (format!("scripts/{path}"), text.to_owned()),
    ];
    let mut at = 2;
    while let Some((file, text)) = files.get(at) {
        let folder = file.trim_start_matches("scripts/").rsplit_once('/').map_or("", |(folder, _)| folder);
        let named: Vec<String> = specifiers(text).map(|it| join(folder, it)).collect();
        for path in named {
            let file = format!("scripts/{path}");
            if files.iter().all(|(name, _)| *name != file) && suite.has(&path) {
                files.push((file, suite.read(&path)?));
            }
        }
        at += 1;
    }
    Ok(files)
}

/// Returns the texts in quotes that look like a relative path.
fn specifiers(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("./").filter_map(|(at, _)| {
        let from = text[..at].trim_end_matches('.').len();
        let quote = text[..from].chars().next_back().filter(|it| ['\'', '"', '`'].contains(it))?;
        text[from..].split_once(quote).map(|(specifier, _)| specifier)
    })
}

fn join(folder: &str, specifier: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in specifier.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Runs a program, and compares its ending with what the test demands.
fn judge(runner: &Runner, program: &Program, metadata: &Metadata) -> Verdict {
    let fail = Verdict::Fail;
    let compiled = match runner.compile(&program.files, &[]) {
        Ok((compiled, _)) => compiled,
        Err(error) => return fail(format!("the compiler trapped: {}", crate::runner::trap(&error))),
    };
    let early = metadata.negative.as_ref().filter(|negative| negative.is_early);
    let modules = match (compiled, early) {
        (Ok(compiled), _) => compiled.modules,
        (Err(problems), Some(Negative { error, .. })) if problems.iter().any(|it| it.message.starts_with(error)) => {
            return Verdict::Pass;
        }
        (Err(problems), _) => return fail(problems.first().map_or("no reason".into(), |it| it.message.clone())),
    };
    // The runner takes for a module what the engine refused as a script.
    let form = modules.first().and_then(|module| module.code.get(FORM_AT));
    let is_refused = !program.is_module && form != Some(&FORM_OF_SCRIPTS);
    match early {
        Some(_) if is_refused => return Verdict::Pass,
        Some(Negative { error, .. }) => return fail(format!("no {error} before it runs")),
        None if is_refused => return fail("the engine does not take it as a script".into()),
        None => {}
    }
    let mut host = Host::new(&program.files);
    host.modules = modules;
    let ending = match runner.instance(host) {
        Ok(mut instance) => instance.call(&Role::Process("[]".into()), RUN, 1),
        Err(error) => return fail(format!("{error:#}")),
    };
    match (ending, metadata.negative.as_ref()) {
        (Ending::Retry(problem), Some(Negative { error, .. })) if problem.message.contains(error) => Verdict::Pass,
        (_, Some(Negative { error, .. })) => fail(format!("no {error} while it runs")),
        (Ending::Answer(_), None) => Verdict::Pass,
        // Without a harness, nothing declares the function, which is looked for when the test has run.
        (Ending::Reject(problem), None) if metadata.has("raw") && problem.code == "unknown-function" => Verdict::Pass,
        (Ending::Retry(problem) | Ending::RetryAfter(problem, _) | Ending::Reject(problem), None) => {
            fail(problem.message)
        }
        (Ending::Trap(reason), None) => fail(format!("trapped: {reason}")),
    }
}
