//! `saggar replay`: makes a recorded attempt again, from its record and its component, and says what is different.

pub(crate) mod document;
pub(crate) mod fetch;
pub(crate) mod rerun;

use std::fs;

use anyhow::Context;
use saggar::{Engine, Plugin};
use saggar_record::{Record, ReplayMode};
use serde_json::{Value, json};

use super::signals::Signals;
use super::test::{Code, Function, code_of};
use super::{CommandEnv, FAILURE, INTERRUPTED, client, output, show};
use crate::cli::replay::Replay;
use rerun::{Rerun, RerunCode, RerunOptions};

/// How many sandboxes exist at once: one, and spare ones for plugins with several memories.
pub(crate) const SANDBOXES: u32 = 8;

pub(crate) async fn run(args: Replay, env: &CommandEnv) -> anyhow::Result<u8> {
    let mut signals = Signals::listen()?;
    tokio::select! {
        done = replay(&args, env) => client::reported(done, args.host.json),
        _ = signals.next() => Ok(INTERRUPTED),
    }
}

async fn replay(args: &Replay, env: &CommandEnv) -> anyhow::Result<u8> {
    let bytes = match (&args.record, &args.task, args.id) {
        (Some(file), ..) => fetch::of_file(file)?,
        (None, Some(task), Some(id)) => fetch::of_host(&args.host, task, id, args.attempt).await?,
        (None, ..) => anyhow::bail!("name a task and a job, or a file with `--record`"),
    };
    if let Some(file) = &args.save {
        fs::write(file, &bytes).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let record = Record::read(&bytes)?;
    let builder = env.builder(args.app.clone()).hash_memories(args.verify);
    let engine = builder.start_engine(SANDBOXES, record.header.memory)?;
    let plugin = match &args.component {
        Some(file) => Code::of_file(file)?.load(&engine).await?,
        None => recorded_code(args, &record, &engine).await?,
    };
    let mode = if is_recorded(&plugin, &record) { ReplayMode::Exact } else { ReplayMode::Lenient };
    let options = RerunOptions { mode, timeout: args.timeout, hashes_memory: args.verify };
    let code = RerunCode::of_record(&record, plugin);
    let rerun = rerun::run(&record, code.clone(), options).await?;
    let mut differences = rerun.differences(&record);
    if args.verify {
        let again = rerun::run(&record, code, options).await?;
        differences.extend(rerun.differences_of_repetition(&again, &record));
    }
    if args.host.json {
        output::json(&summary(&record, &rerun, &differences).to_string())?;
    } else {
        print(&record, &rerun, &differences)?;
    }
    Ok(if differences.is_empty() { 0 } else { FAILURE })
}

/// Returns whether the attempt ran this code.
fn is_recorded(plugin: &Plugin, record: &Record) -> bool {
    **plugin.digest() == *record.header.digest
}

/// Loads the code that the attempt ran: from the app or, if that has another version by now, from those that the host keeps.
async fn recorded_code(args: &Replay, record: &Record, engine: &Engine) -> anyhow::Result<Plugin> {
    let header = &record.header;
    let of_app = code_of_app(args, record, engine).await;
    if let Ok(plugin) = of_app.as_ref()
        && is_recorded(plugin, record)
    {
        return Ok(plugin.clone());
    }
    // A record in a file is replayed without a host.
    if args.record.is_none()
        && let Some(bytes) = fetch::version(&args.host, &header.digest).await?
    {
        let plugin = saggar::load_version(engine, &code_of(&header.process)?, bytes).await;
        let plugin = plugin.with_context(|| format!("{} with the digest {}", header.process, header.digest))?;
        anyhow::ensure!(is_recorded(&plugin, record), "the host has other code under the digest {}", header.digest);
        return Ok(plugin);
    }
    let found = of_app?;
    anyhow::bail!(
        "{} is another version: its digest is {}, and the attempt ran {}; name a file with `--component` to run that one",
        header.process,
        found.digest(),
        header.digest
    )
}

/// Loads the code that the app has now.
async fn code_of_app(args: &Replay, record: &Record, engine: &Engine) -> anyhow::Result<Plugin> {
    Function::of_reference(&args.app, &record.header.process)?.code.load(engine).await
}

fn print(record: &Record, rerun: &Rerun, differences: &[String]) -> anyhow::Result<()> {
    for (source, text) in &rerun.result.effects.log {
        say!("  {:<8} | {text}", show::source(*source));
    }
    if let Some(report) = rerun.last_progress() {
        say!("  progress | {}/{} {}", report.current, report.total, report.message);
    }
    show::line(&rerun.end_text())?;
    let header = &record.header;
    let of = record.last_call().map(|call| format!("#{} attempt {}", call.header.id, call.header.attempt));
    // A record in a file is whatever somebody has written there.
    let of = format!("{}{}, run {}", saggar_sandbox::escaped(&header.task), of.unwrap_or_default(), header.run);
    if header.is_masked {
        say!("some of the arguments are masked, so the attempt may have done something else");
    }
    if let Some(hash) = rerun.report.memory_hash {
        say!("the memory after the call has the hash {hash:016x}");
    }
    if differences.is_empty() {
        say!("{of}: the same response or failure, log and progress");
        return Ok(());
    }
    say!("{of}: different");
    differences.iter().for_each(|difference| say!("  {}", saggar_sandbox::escaped(difference)));
    Ok(())
}

fn summary(record: &Record, rerun: &Rerun, differences: &[String]) -> Value {
    let header = &record.header;
    let call = record.last_call().map(|call| &call.header);
    json!({
        "task": header.task,
        "id": call.map(|call| call.id),
        "attempt": call.map(|call| call.attempt),
        "run": header.run,
        "digest": header.digest,
        "masked": header.is_masked,
        "same": differences.is_empty(),
        "differences": differences,
        "earlier_calls": record.calls.len().saturating_sub(1),
        "result": rerun.end_document(),
        "cpu_ms": rerun.report.cpu.as_secs_f64() * 1e3,
        "recorded_cpu_ms": record.end.cpu_ns as f64 / 1e6,
        "peak_memory": rerun.report.peak_memory,
        "recorded_peak_memory": record.end.peak_memory,
        "memory_hash": rerun.report.memory_hash.map(|hash| format!("{hash:016x}")),
        "unasked": rerun.result.unasked,
        "made_up": rerun.result.made_up,
    })
}
