//! Runs a test case that `saggar capture` wrote: makes the call again, from the record, on the code as it is now.

use std::path::Path;

use anyhow::{Context, bail};
use saggar_record::{Record, ReplayMode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::target::Function;
use crate::cli::author::Test;
use crate::commands::replay::document::{CaptureFile, ExpectedEnd};
use crate::commands::replay::rerun::{self, Rerun, RerunCode, RerunOptions};
use crate::commands::replay::{SANDBOXES, fetch};
use crate::commands::{CommandEnv, FAILURE, output, show};

/// The member that distinguishes a captured test case from other files.
#[derive(Deserialize)]
struct Probe {
    capture: IgnoredAny,
}

/// Returns whether a file is a captured test case.
pub(super) fn is_captured(path: &Path) -> bool {
    let is_json = path.extension().is_some_and(|extension| extension == "json") && path.is_file();
    // A list of cases is another format.
    let is_capture = |bytes: Vec<u8>| {
        bytes.trim_ascii_start().starts_with(b"{")
            && serde_json::from_slice::<Probe>(&bytes).is_ok_and(|Probe { capture: IgnoredAny }| true)
    };
    is_json && fetch::of_file(path).is_ok_and(is_capture)
}

/// Runs the case in a file.
pub(super) async fn run(args: &Test, file: &Path, env: &CommandEnv) -> anyhow::Result<u8> {
    let bytes = fetch::of_file(file)?;
    let CaptureFile { capture, expect } =
        serde_json::from_slice(&bytes).with_context(|| format!("{} is not a captured test case", file.display()))?;
    if expect.response.is_some() && expect.problem.is_some() {
        bail!("{}: a call ends with a response or with a problem; expect one of them", file.display());
    }
    let record = Record::try_from(capture).with_context(|| file.display().to_string())?;
    let engine = env.builder(args.app.clone()).start_engine(SANDBOXES, record.header.memory)?;
    let plugin = Function::of_reference(&args.app, &record.header.process)?.code.load(&engine).await?;
    let is_same_code = **plugin.digest() == *record.header.digest;
    let mode = if is_same_code { ReplayMode::Exact } else { ReplayMode::Lenient };
    let options = RerunOptions { mode, timeout: args.timeout, hashes_memory: false };
    let rerun = rerun::run(&record, RerunCode::of_record(&record, plugin), options).await?;
    let differences = differences(&expect, &rerun);
    let name = file.display().to_string();
    if args.json {
        let case = json!({ "place": name, "passed": differences.is_empty(), "differences": differences });
        output::json(&json!({ "cases": [case], "result": rerun.end_document() }).to_string())?;
    } else if differences.is_empty() {
        show::line(&format!("ok      {name}"))?;
    } else {
        show::line(&format!("FAILED  {name}"))?;
        differences.iter().try_for_each(|difference| show::line(&format!("        {difference}")))?;
    }
    Ok(if differences.is_empty() { 0 } else { FAILURE })
}

/// Returns how the call differs from what is expected.
fn differences(expected: &ExpectedEnd, rerun: &Rerun) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(divergence) = &rerun.result.divergence {
        found.push(format!("the record does not fit any more: {divergence}; capture the case again"));
    }
    match (rerun.end(), &expected.problem) {
        (Ok(response), None) => {
            if let Some(wanted) =
                expected.response.as_ref().filter(|wanted| !saggar_json::is_same(wanted.get(), response))
            {
                found.push(format!("the response is {response}; expected {}", wanted.get()));
            }
        }
        (Ok(response), Some(code)) => found.push(format!("the response is {response}; expected the problem `{code}`")),
        (Err(failed), Some(code)) if failed.code == code => {}
        (Err(failed), _) if found.is_empty() => found.push(failed.text()),
        (Err(_), _) => {}
    }
    found
}
