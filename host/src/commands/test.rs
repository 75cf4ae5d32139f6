//! `saggar test`: calls a function of a plugin under the limits of production, without a queue, or runs the
//! `*.test.json` files of an app.
//!
//! The modules in reading order: the `target` that the command line names, its `limits`, the `call` that is made of it with
//! a `recorder` in place of the host, and the `report` of it. A `suite` makes the calls of test files (`cases`), each
//! of which has a list of `case`s.

mod call;
mod limits;
mod recorder;
mod report;
mod target;

mod captured;
mod case;
mod cases;
mod suite;

pub(crate) use case::schema as file_schema;
pub(super) use target::{Code, Function, code_of};

use std::path::Path;

use anyhow::{Context, bail};
use saggar::Problem;
use saggar_sandbox::Input;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::signals::Signals;
use super::{CommandEnv, FAILURE, INTERRUPTED, arguments};
use crate::cli::author::{RoleArg, Test};
use call::{Calls, Subject};
use limits::{AppTasks, Overrides};
use target::Target;

pub(crate) async fn run(args: Test, env: &CommandEnv) -> anyhow::Result<u8> {
    let mut signals = Signals::listen()?;
    let work = async {
        match Target::of(&args)? {
            Target::Function(function) => test_function(&args, &function, env).await,
            Target::Captured(file) => captured::run(&args, &file, env).await,
            Target::Files { root, app, files } => suite::run(&args, &root, app.as_deref(), files, env).await,
        }
    };
    tokio::select! {
        done = work => done,
        _ = signals.next() => Ok(INTERRUPTED),
    }
}

/// Calls one function as the command line says.
async fn test_function(args: &Test, function: &Function, env: &CommandEnv) -> anyhow::Result<u8> {
    let input = input(args.role, &args.args, args.input.as_deref())?;
    let app = function.code.place().map_or(&args.app, |place| &place.app);
    let (tasks, overrides) = (AppTasks::read(Some(app), env), Overrides::of(args)?);
    let limits = tasks.limits_of(function, args.role, None, &overrides)?;
    let engine = tasks.engine(&env.builder(app.clone()), &overrides)?;
    let plugin = function.code.load(&engine).await?;
    plugin.check_role(args.role.into())?;
    let mut subject = Subject::new(plugin, &limits);
    let calls =
        Calls { input, handler: function.handler.clone(), timeout: limits.timeout(args.role), times: args.repeat };
    let record = subject.call_times(&calls).await;
    report::print(args, &limits, &record)?;
    Ok(if record.failed() { FAILURE } else { 0 })
}

/// The progress that a handler is called with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProgressInput {
    current: u64,
    total: u64,
    #[serde(default)]
    message: String,
}

/// The problem that a handler is called with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProblemInput {
    code: String,
    message: String,
    details: Option<Box<RawValue>>,
}

/// Returns the input of a role's function, from arguments for a processor and from JSON for a handler.
fn input(role: RoleArg, args: &[String], json: Option<&str>) -> anyhow::Result<Input> {
    match role {
        RoleArg::Processor => {
            if json.is_some() {
                bail!("a processor takes arguments, not `--input`: write them after the target");
            }
            Ok(Input::Process { args: arguments::array(args).get().into() })
        }
        _ if !args.is_empty() => bail!("only a processor takes arguments; give the input of a handler with `--input`"),
        role => handler_input(role, json),
    }
}

fn handler_input(role: RoleArg, json: Option<&str>) -> anyhow::Result<Input> {
    let given = |example: &str| json.with_context(|| format!("the handler needs an input; write --input '{example}'"));
    match role {
        RoleArg::IdSource | RoleArg::AddHandler if json.is_some() => bail!("this role has no input besides the job"),
        RoleArg::IdSource => Ok(Input::Next),
        RoleArg::AddHandler => Ok(Input::OnAdd),
        RoleArg::SuccessHandler => {
            let text = given("{\"answer\":42}")?;
            let response: &RawValue = serde_json::from_str(text).context("the input is not JSON")?;
            Ok(Input::OnSuccess { response: response.get().into() })
        }
        RoleArg::ProgressHandler => {
            let example = "{\"current\":1,\"total\":2,\"message\":\"half\"}";
            let progress: ProgressInput =
                serde_json::from_str(given(example)?).with_context(|| format!("the input is not like {example}"))?;
            let ProgressInput { current, total, message } = progress;
            Ok(Input::OnProgress { current, total, message: message.into() })
        }
        RoleArg::ErrorHandler => {
            let example = "{\"code\":\"not-found\",\"message\":\"there is none\"}";
            let problem: ProblemInput =
                serde_json::from_str(given(example)?).with_context(|| format!("the input is not like {example}"))?;
            let ProblemInput { code, message, details } = problem;
            let details = details.map(|details| details.get().to_owned());
            Ok(Input::OnError { problem: Problem { code, message, details } })
        }
        RoleArg::Processor => bail!("a processor takes arguments"),
    }
}

/// Returns a path as it is shown: relative to the app if it is in it.
fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}
