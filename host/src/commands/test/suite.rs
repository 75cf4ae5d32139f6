//! Runs test files: makes the call of each case in a fresh instance, and compares what it did with what is expected.

use std::path::{Path, PathBuf};

use anyhow::bail;
use saggar::{Engine, Plugin};
use saggar_sandbox::CallError;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::call::{CallRecord, Calls, Subject};
use super::case::{Case, ExpectedAdd, ExpectedProblem};
use super::cases;
use super::limits::{AppTasks, Overrides};
use super::report::{answer_text, error_text, reason, time_text};
use super::target::{Code, Function};
use crate::cli::author::Test;
use crate::commands::{CommandEnv, FAILURE, output, show};

/// Texts in a difference are cut to this many characters.
const SHOWN_CHARS: usize = 500;

/// What the calls of all cases need.
struct Suite {
    tasks: AppTasks,
    overrides: Overrides,
    engine: Engine,
}

/// The result of one case.
#[derive(Debug)]
struct CaseResult {
    /// File and number, such as `plugins/hello.test.json#1`.
    place: String,
    name: Option<String>,
    /// How the call differs from what is expected; empty if it does not.
    differences: Vec<String>,
    took: Option<std::time::Duration>,
    /// The task of the app whose limits the call had.
    task: Option<String>,
}

/// Runs the files, and prints the result of each case as it is known.
pub(super) async fn run(
    args: &Test,
    root: &Path,
    app: Option<&Path>,
    files: Vec<PathBuf>,
    env: &CommandEnv,
) -> anyhow::Result<u8> {
    let (tasks, overrides) = (AppTasks::read(app, env), Overrides::of(args)?);
    let engine = tasks.engine(&env.builder(args.app_dir()), &overrides)?;
    let suite = Suite { tasks, overrides, engine };
    let mut results = Vec::new();
    for file in files {
        let place = super::shown(root, &file);
        let of_file = match suite.run_file(&file, &place).await {
            Ok(of_file) => of_file,
            // One broken file does not keep the others from being tested.
            Err(error) => {
                vec![CaseResult { differences: vec![format!("{error:#}")], ..CaseResult::new(place) }]
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

impl Suite {
    async fn run_file(&self, file: &Path, place: &str) -> anyhow::Result<Vec<CaseResult>> {
        let cases = cases::read(file)?;
        let stem = cases::stem(file);
        let Some(code) = Code::beside(&stem)? else {
            let stem = place.strip_suffix(cases::EXTENSION).unwrap_or(place);
            bail!("there is nothing to test beside the file: none of {stem}.wasm, {stem}.js and {stem}.ts exists");
        };
        let plugin = code.load(&self.engine).await?;
        let mut results = Vec::new();
        for (number, case) in (1..).zip(cases) {
            let mut result = CaseResult::new(format!("{place}#{number}"));
            if let Err(error) = self.run_case(&plugin, &code, &case, &mut result).await {
                result.differences.push(format!("{error:#}"));
            }
            results.push(CaseResult { name: case.name, ..result });
        }
        Ok(results)
    }

    async fn run_case(&self, plugin: &Plugin, code: &Code, case: &Case, result: &mut CaseResult) -> anyhow::Result<()> {
        let role = case.role()?;
        let input = super::input(role, &case.args(), case.input())?;
        plugin.check_role(role.into())?;
        let function = Function { code: code.clone(), handler: case.handler.clone() };
        let limits = self.tasks.limits_of(&function, role, case.task.as_deref(), &self.overrides)?;
        result.task = limits.task().map(|task| task.id.to_string());
        let calls = Calls { input, handler: case.handler.clone(), timeout: limits.timeout(role), times: None };
        let record = Subject::new(plugin.clone(), &limits).call_times(&calls).await;
        result.took = record.durations.first().copied();
        result.differences = differences(case, &record);
        if case.problem.is_none() && record.report.result.as_ref().is_err_and(is_over_limit) {
            result.differences.push(limits.describe(role));
        }
        Ok(())
    }
}

impl CaseResult {
    fn new(place: String) -> Self {
        Self { place, name: None, differences: Vec::new(), took: None, task: None }
    }
}

/// Returns whether a call failed because of a limit that a task sets.
fn is_over_limit(error: &CallError) -> bool {
    ["timeout", "out-of-memory"].contains(&reason(error))
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
    (!saggar_json::is_same(wanted.get(), found))
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
            || wanted.args.as_ref().is_some_and(|args| !saggar_json::is_same(args.get(), &job.args))
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
        "task": result.task,
        "passed": result.differences.is_empty(),
        "differences": result.differences,
        "call_us": result.took.map(|took| took.as_secs_f64() * 1e6),
    })
}
