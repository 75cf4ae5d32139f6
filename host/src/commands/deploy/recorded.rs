//! `saggar deploy --dry-run --against-last`: runs the last recorded attempts of each task whose code changes on the new code.
//! Nothing that they do reaches the host or the network.

use std::collections::BTreeMap;

use saggar::{App, Engine, Plugin};
use saggar_client::Client;
use saggar_record::{Header, Record};
use saggar_wire::{Code, DeployedCode, ListedRecord, RecordsQuery};
use serde_json::Value;
use tokio::task::JoinSet;

use super::compared::RecordedAttempt;
use super::task_replays::TaskReplays;
use crate::commands::replay::fetch;
use crate::commands::replay::rerun::RerunCode;
use crate::commands::test::code_of;

/// Records of a page.
const PAGE: usize = 1_000;

/// Maximum attempts that run at once.
const MAX_PARALLEL: usize = 8;

/// A task whose code changes.
struct ChangedTask {
    id: String,
    code: RerunCode,
}

/// Runs the last `most` recorded attempts of each task of `app` whose code is not what runs on the host.
pub(super) async fn run(
    client: &Client,
    (app, engine): (&App, &Engine),
    running: &[DeployedCode],
    most: usize,
) -> anyhow::Result<Vec<TaskReplays>> {
    let mut versions = KeptVersions { client, engine, loaded: BTreeMap::new() };
    let mut replays = Vec::new();
    for ChangedTask { id, code } in changed_tasks(client, app, running).await? {
        replays.push(of_task(&mut versions, id, &code, most).await?);
    }
    Ok(replays)
}

async fn changed_tasks(client: &Client, app: &App, running: &[DeployedCode]) -> anyhow::Result<Vec<ChangedTask>> {
    let mut changed = Vec::new();
    for known in client.tasks().await?.parse()?.tasks {
        let folded = known.id.to_lowercase();
        let Some(task) = app.tasks.iter().find(|task| task.id.as_str().to_lowercase() == folded) else { continue };
        let Some(plugin) = app.processor(task) else { continue };
        let there = client.task(&known.id).await?.parse()?.definition;
        let process = &task.process.value;
        let function = process.to_string();
        let is_same_function = there.get("process").and_then(Value::as_str) == Some(function.as_str());
        if is_same_function && running_digest(&there, &process.code.to_string(), running) == Some(&**plugin.digest()) {
            continue;
        }
        let (memory, handler) = (task.sandbox.memory_bytes, process.handler.as_deref().map(Into::into));
        changed.push(ChangedTask { id: known.id, code: RerunCode { plugin, memory, handler } });
    }
    Ok(changed)
}

/// Returns the digest of what the processor of a task runs on the host: what the task pins, or else what is deployed.
fn running_digest<'a>(definition: &'a Value, code: &str, running: &'a [DeployedCode]) -> Option<&'a str> {
    match definition.get("digest").and_then(Value::as_str) {
        Some(pinned) => Some(pinned.strip_prefix("sha256:").unwrap_or(pinned)),
        None => {
            let deployed = running.iter().find(|deployed| !deployed.pinned && deployed.name == code);
            deployed.map(|deployed| deployed.digest.as_str())
        }
    }
}

async fn of_task(
    versions: &mut KeptVersions<'_>,
    id: String,
    code: &RerunCode,
    most: usize,
) -> anyhow::Result<TaskReplays> {
    let parallel = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_PARALLEL);
    let mut replays = TaskReplays::new(id.clone());
    let (mut running, mut ended) = (JoinSet::new(), Vec::new());
    for (place, listed) in last_records(versions.client, &id, most).await?.into_iter().enumerate() {
        match versions.attempt(&id, &listed).await? {
            Fetched::Removed => replays.add_removed(),
            Fetched::Unreadable(why) => replays.add(Err(why)),
            Fetched::Attempt(attempt) => {
                if running.len() >= parallel {
                    ended.extend(running.join_next().await.transpose()?);
                }
                let code = code.clone();
                running.spawn(async move { (place, attempt.compare(code).await) });
            }
        }
    }
    while let Some(next) = running.join_next().await {
        ended.push(next?);
    }
    // In the order of the records, so that the first attempt of a kind is always the same one.
    ended.sort_by_key(|(place, _)| *place);
    ended.into_iter().for_each(|(_, compared)| replays.add(compared));
    Ok(replays)
}

/// Lists the last records of a task, the last recorded first.
async fn last_records(client: &Client, task: &str, most: usize) -> anyhow::Result<Vec<ListedRecord>> {
    let (mut found, mut before) = (Vec::new(), None);
    while found.len() < most {
        let limit = Some((most - found.len()).min(PAGE));
        let page = client.records(task, &RecordsQuery { before, limit }).await?.parse()?;
        found.extend(page.records);
        match page.next {
            Some(next) => before = Some(next),
            None => break,
        }
    }
    Ok(found)
}

/// What the host has of a record that it has listed.
enum Fetched {
    Attempt(Box<RecordedAttempt>),
    /// It has another format.
    Unreadable(anyhow::Error),
    Removed,
}

/// The code that recorded attempts ran, from the host.
struct KeptVersions<'a> {
    client: &'a Client,
    engine: &'a Engine,
    /// By the digest; `None` if the host does not keep it, or it cannot be loaded any more.
    loaded: BTreeMap<String, Option<Plugin>>,
}

impl KeptVersions<'_> {
    /// Gets a record with the code that the attempt ran.
    async fn attempt(&mut self, task: &str, listed: &ListedRecord) -> anyhow::Result<Fetched> {
        let bytes = match self.client.record(task, listed.id, Some(listed.run)).await {
            Ok(bytes) => bytes,
            Err(error) if is_removed(error.code()) => return Ok(Fetched::Removed),
            Err(error) => return Err(error.into()),
        };
        let record = match Record::read(&bytes) {
            Ok(record) => record,
            Err(error) => return Ok(Fetched::Unreadable(error.into())),
        };
        let old = self.of_record(&record.header).await?;
        Ok(Fetched::Attempt(Box::new(RecordedAttempt { record, old })))
    }

    async fn of_record(&mut self, header: &Header<'_>) -> anyhow::Result<Option<Plugin>> {
        // The memories of the engine have the size that the tasks of the app need.
        if header.memory > self.engine.max_memory() {
            return Ok(None);
        }
        if let Some(known) = self.loaded.get(&*header.digest) {
            return Ok(known.clone());
        }
        let mut loaded = None;
        if let (Ok(code), Some(bytes)) =
            (code_of(&header.process), fetch::version_of(self.client, &header.digest).await?)
        {
            loaded = saggar::load_version(self.engine, &code, bytes).await.ok();
        }
        let found = loaded.filter(|plugin| **plugin.digest() == *header.digest);
        self.loaded.insert(header.digest.clone().into_owned(), found.clone());
        Ok(found)
    }
}

/// Returns whether a refusal says that the record, or its job, does not exist any more.
fn is_removed(code: Option<&str>) -> bool {
    let code = code.and_then(Code::from_name);
    matches!(code, Some(Code::NotRecorded | Code::UnknownJob))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_task_runs_what_it_pins_or_else_what_is_deployed() {
        let code = |name: &str, digest: &str, pinned| DeployedCode {
            name: name.to_owned(),
            digest: digest.to_owned(),
            bytes: 1,
            kept: true,
            pinned,
            instead_of: None,
        };
        let running = [code("plugins.a", "0", true), code("plugins.a", "1", false), code("plugins.b", "2", false)];
        let digest = |definition: &Value| running_digest(definition, "plugins.a", &running).map(str::to_owned);
        assert_eq!(digest(&json!({ "process": "plugins.a" })).as_deref(), Some("1"));
        assert_eq!(digest(&json!({ "process": "plugins.a", "digest": "sha256:0" })).as_deref(), Some("0"));
        assert_eq!(running_digest(&json!({}), "plugins.c", &running), None);
    }
}
