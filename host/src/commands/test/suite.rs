//! Runs test files: makes the call of each case in a fresh instance, and compares what it did with what is expected.

use std::path::{Path, PathBuf};

use anyhow::bail;
use saggar::{Engine, Plugin};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::call::{CallRecord, Calls, Subject};
use super::cases::{self, Case, ExpectedAdd, ExpectedProblem};
use super::report::{answer_text, error_text, reason, time_text};
use super::target::{self, CallLimits, Code};
use crate::cli::author::Test;
use crate::commands::{CommandEnv, FAILURE, output, show};

/// Texts in a difference are cut to this many characters.
const SHOWN_CHARS: usize = 500;

/// The result of one case.
#[derive(Debug)]
struct CaseResult {
    /// File and number, such as `plugins/hello.test.json#1`.
    place: String,
    name: Option<String>,
    /// How the call differs from what is expected; empty if it does not.
    differences: Vec<String>,
    took: Option<std::time::Duration>,
}

/// Runs the files, and prints the result of each case as it is known.
pub(super) async fn run(args: &Test, root: &Path, files: Vec<PathBuf>, env: &CommandEnv) -> anyhow::Result<u8> {
    let limits = target::limits(args)?;
    let engine = limits.engine(&env.builder(args.app_dir()))?;
    let mut results = Vec::new();
    for file in files {
        let place = super::shown(root, &file);
        let of_file = match run_file(&engine, &limits, &file, &place).await {
            Ok(of_file) => of_file,
            // One broken file does not keep the others from being tested.
            Err(error) => {
                vec![CaseResult { place, name: None, differences: vec![format!("{error:#}")], took: None }]
            }
        };
        if !args.json {
            of_file.iter().try_for_each(print)?;
        }
        results.extend(of_file);
    }
    let failed = results.iter().filter(|result| !result.differences.is_empty()).count();
    if args.json {
        let cases: Vec<Value> = results.iter().map(document).collect();
        output::json(&json!({ "cases": cases, "passed": results.len() - failed, "failed": failed }).to_string())?;
    } else {
        show::line(&format!("{} passed, {failed} failed", results.len() - failed))?;
    }
    Ok(if failed > 0 { FAILURE } else { 0 })
}

async fn run_file(engine: &Engine, limits: &CallLimits, file: &Path, place: &str) -> anyhow::Result<Vec<CaseResult>> {
    let cases = cases::read(file)?;
    let stem = cases::stem(file);
    let Some(code) = Code::beside(&stem)? else {
        let stem = place.strip_suffix(cases::EXTENSION).unwrap_or(place);
        bail!("there is nothing to test beside the file: neither {stem}.wasm nor {stem}.js exists");
    };
    let plugin = code.load(engine).await?;
    let mut results = Vec::new();
    for (number, case) in (1..).zip(cases) {
        let (differences, took) = match run_case(plugin.clone(), limits, &case).await {
            Ok(record) => (differences(&case, &record), record.durations.first().copied()),
            Err(error) => (vec![format!("{error:#}")], None),
        };
        results.push(CaseResult { place: format!("{place}#{number}"), name: case.name, differences, took });
    }
    Ok(results)
}

async fn run_case(plugin: Plugin, limits: &CallLimits, case: &Case) -> anyhow::Result<CallRecord> {
    let role = case.role()?;
    let input = super::input(role, &case.args(), case.input())?;
    plugin.check_role(role.into())?;
    let calls = Calls { input, handler: case.handler.clone(), timeout: limits.timeout(role), times: None };
    Ok(Subject::new(plugin, limits.sandbox()).call_times(&calls).await)
}

/// Returns how a call differs from what is expected.
fn differences(expected: &Case, record: &CallRecord) -> Vec<String> {
    let mut found = Vec::new();
    match (&record.report.result, &expected.problem) {
        (Ok(answer), None) => found.extend(response_difference(expected.response.as_deref(), &answer_text(answer))),
        (Ok(answer), Some(_)) => {
            found.push(format!("expected a failure, but the response is {}", cut(&answer_text(answer))));
        }
        (Err(error), None) => found.push(cut(&error_text(error))),
        (Err(error), Some(problem)) => {
            let of = error.problem();
            found.extend(problem_difference(problem, &of.code, &of.message, reason(error)));
        }
    }
    let recording = &record.recording;
    if let Some(texts) = &expected.logs {
        let mut lines = recording.log.iter();
        let missing = texts.iter().find(|text| !lines.any(|(_, line)| line.contains(*text)));
        found.extend(missing.map(|text| format!("the log has no (further) line with `{}`", cut(text))));
    }
    if let Some(wanted) = &expected.progress {
        let is_equal = recording.progress.as_ref().is_some_and(|(current, total, message)| {
            (*current, *total) == (wanted.current, wanted.total)
                && wanted.message.as_ref().is_none_or(|wanted| wanted == message)
        });
        if !is_equal {
            found.push(format!("the last progress is {:?}; expected {wanted:?}", recording.progress));
        }
    }
    if let Some(wanted) = &expected.adds {
        found.extend(added_difference(wanted, record));
    }
    found
}

fn response_difference(wanted: Option<&RawValue>, found: &str) -> Option<String> {
    let wanted = wanted?;
    (!is_equal_json(wanted.get(), found))
        .then(|| format!("the response is {}; expected {}", cut(found), cut(wanted.get())))
}

fn problem_difference(wanted: &ExpectedProblem, code: &str, message: &str, reason: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(wanted) = wanted.code.as_deref().filter(|wanted| *wanted != code) {
        found.push(format!("the problem's code is `{code}` ({}); expected `{wanted}`", cut(message)));
    }
    if let Some(wanted) = wanted.message.as_deref().filter(|wanted| !message.contains(*wanted)) {
        found.push(format!("the problem's message is `{}`; expected one with `{wanted}`", cut(message)));
    }
    if let Some(wanted) = wanted.reason.as_deref().filter(|wanted| *wanted != reason) {
        found.push(format!("the reason is `{reason}`; expected `{wanted}`"));
    }
    found
}

fn added_difference(wanted: &[ExpectedAdd], record: &CallRecord) -> Option<String> {
    let recording = &record.recording;
    let found = recording.added.len() as u64 + recording.dropped_jobs;
    if found != wanted.len() as u64 {
        let all: Vec<_> = recording.added.iter().map(|job| format!("{} {}", job.task, job.args)).collect();
        return Some(format!("{found} jobs were added ({}); expected {}", cut(&all.join(", ")), wanted.len()));
    }
    let differs = |(wanted, job): &(&ExpectedAdd, &super::recorder::AddedJob)| {
        wanted.task != job.task
            || wanted.args.as_ref().is_some_and(|args| !is_equal_json(args.get(), &job.args))
            || wanted.delay_ms.is_some_and(|delay| delay != job.delay_ms)
    };
    let (wanted, job) = wanted.iter().zip(&recording.added).find(differs)?;
    let args = wanted.args.as_ref().map_or("…", |args| args.get());
    Some(format!(
        "the added job is {} {}, after {} ms; expected {} {}, after {} ms",
        job.task,
        cut(&job.args),
        job.delay_ms,
        wanted.task,
        cut(args),
        wanted.delay_ms.unwrap_or(job.delay_ms)
    ))
}

/// Returns whether both texts are the same JSON, whatever their white space and the order of their members.
fn is_equal_json(a: &str, b: &str) -> bool {
    match (serde_json::from_str::<Value>(a), serde_json::from_str::<Value>(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn print(result: &CaseResult) -> anyhow::Result<()> {
    let name = result.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    let took = result.took.map(|took| format!("  {}", time_text(took))).unwrap_or_default();
    if result.differences.is_empty() {
        return show::line(&format!("ok      {}{name}{took}", result.place));
    }
    show::line(&format!("FAILED  {}{name}", result.place))?;
    result.differences.iter().try_for_each(|difference| show::line(&format!("        {difference}")))
}

fn document(result: &CaseResult) -> Value {
    json!({
        "place": result.place,
        "name": result.name,
        "passed": result.differences.is_empty(),
        "differences": result.differences,
        "call_us": result.took.map(|took| took.as_secs_f64() * 1e6),
    })
}
