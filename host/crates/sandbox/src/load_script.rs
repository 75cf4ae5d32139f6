//! Loads scripts: has the script runner compile them inside a sandbox with limits. Never on the path of a job.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use saggar_job::{JobId, LogSource, Problem};
use sha2::{Digest, Sha256};
use wasmtime::component::{ComponentExportIndex, ComponentType, Lift, TypedFunc};

use crate::cache::hex;
use crate::ending::{FinishedCall, classify};
use crate::guest::{Current, Guest};
use crate::instance::LiveInstance;
use crate::load::{Loaded, Origin, compiled, finish};
use crate::sandbox::{begin, drive, new_instance};
use crate::script::{ReadScript, Script, ScriptAccess, ScriptModule, SourceFiles, Texts};
use crate::text::{cut, escaped_lines};
use crate::{CallError, Engine, JobContext, Limits, LoadError, Plugin, Services, TaskJob};

/// How long compiling a script may take. A script of 1 MiB needs some 0.1 s.
const MAX_TIME: Duration = Duration::from_secs(10);

/// The memory of a compiler: for a script of 4 MiB with its syntax tree. The memories of every pool are as large.
const MAX_MEMORY: u64 = 64 << 20;

/// Maximum bytes that a compiler can return: bytecode is up to three times as long as its source.
const MAX_COMPILED: usize = 16 << 20;

/// Maximum errors of one script, and bytes of the message of each.
const MAX_PROBLEMS: usize = 20;
const MAX_MESSAGE: usize = 4096;

/// First input of every digest of a script.
const PURPOSE: &[u8] = b"saggar script 1\0";

/// The runner in messages.
const RUNNER: &str = "script-runner";

/// The interface of the runner's compiler.
const COMPILER: &str = "saggar:script/compiler@0.1.0";

type CompileParams<'a> = (&'a str, &'a [String]);
type CompileAnswer = (Result<Compiled, Vec<Diagnostic>>,);

/// See `saggar:script/compiler`.
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
struct Compiled {
    modules: Vec<ScriptModule>,
    functions: Vec<String>,
    engine: String,
}

/// See `saggar:script/compiler`.
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
struct Diagnostic {
    file: String,
    position: Option<Position>,
    message: String,
}

/// See `saggar:script/compiler`.
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
struct Position {
    line: u32,
    column: u32,
    #[expect(dead_code, reason = "the text of the file shows it, too")]
    source: String,
}

/// The script runner.
struct Runner {
    loaded: Loaded,
    compile: ComponentExportIndex,
}

impl Engine {
    /// Compiles the script in the file `entry` with all files that it imports, and checks that it can have each of
    /// `functions`. The first script loads the script runner, which can take seconds. Dropping the future stops the
    /// compilation.
    pub async fn load_script(
        &self,
        entry: &str,
        functions: &[String],
        read: ReadScript,
    ) -> Result<Plugin, ScriptError> {
        let runner = Runner::load(self).await?;
        let files = Arc::new(SourceFiles::new(read));
        let _permit = self.0.compiling.acquire().await;
        let compiled = match compile(&runner, entry, functions, files.clone()).await {
            Ok(Ok(compiled)) => compiled,
            Ok(Err(diagnostics)) => {
                let problems = diagnostics.into_iter().take(MAX_PROBLEMS).map(problem).collect();
                return Err(ScriptError::Invalid { problems, texts: files.texts() });
            }
            Err(error) => {
                let Problem { code, message, details } = error.problem();
                tracing::debug!(entry, code, message, details, "the script runner did not compile a script");
                return Err(ScriptError::Failed(error.problem().clone()));
            }
        };
        let texts = files.texts();
        let digest = digest(&runner.loaded.digest, entry, &texts);
        let Compiled { modules, functions, engine } = compiled;
        let script = Script { modules: modules.into(), texts, functions, engine };
        Ok(runner.loaded.with_script(entry, digest, script))
    }
}

/// Why a script cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The engine was started without a script runner.
    #[error("this host has no script runner")]
    NoRunner,
    /// The script runner cannot be loaded.
    #[error("the script runner cannot be loaded")]
    Runner(#[source] LoadError),
    /// The script has errors.
    #[error("the script has {} errors", .problems.len())]
    Invalid {
        /// The errors.
        problems: Vec<ScriptProblem>,
        /// The texts of the files that were read.
        texts: Texts,
    },
    /// The compiler did not end in an answer.
    #[error("the script cannot be compiled: {} ({})", .0.message, .0.code)]
    Failed(Problem),
}

/// An error in a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptProblem {
    /// The file that it is in, or that cannot be read, relative to the app's directory.
    pub file: String,
    /// Line and column, both from 1; the column in characters. `None` if it concerns the file as a whole.
    pub position: Option<(u32, u32)>,
    /// What is wrong and what to do.
    pub message: String,
}

impl Runner {
    /// Returns the engine's runner. The first call compiles it, or takes its code from the cache.
    async fn load(engine: &Engine) -> Result<Self, ScriptError> {
        let runner = engine.0.script_runner.as_ref().ok_or(ScriptError::NoRunner)?;
        let origin = Origin::Runner(runner.bytes);
        let component = runner.component.get_or_try_init(|| compiled(engine, Path::new(RUNNER), &origin)).await;
        let component = component.map_err(ScriptError::Runner)?;
        let loaded = finish(engine, RUNNER.into(), component, &origin).map_err(ScriptError::Runner)?;
        let compile = component.component.get_export_index(None, COMPILER);
        let compile = compile.and_then(|compiler| component.component.get_export_index(Some(&compiler), "compile"));
        let missing = || ScriptError::Runner(LoadError::Link(format!("it does not export `{COMPILER}`")));
        Ok(Self { loaded, compile: compile.ok_or_else(missing)? })
    }
}

/// Makes one call of the compiler, in an instance of its own.
async fn compile(
    runner: &Runner,
    entry: &str,
    functions: &[String],
    files: Arc<SourceFiles>,
) -> Result<Result<Compiled, Vec<Diagnostic>>, CallError> {
    let limits = Limits { memory: MAX_MEMORY, reuse: 1 };
    let access = ScriptAccess::Compiling(files);
    let mut live = Box::pin(new_instance(&runner.loaded, limits, MAX_TIME, access)).await?;
    live.store.set_hostcall_fuel(MAX_COMPILED);
    let began = Instant::now();
    let deadline = began + MAX_TIME;
    let services: Arc<dyn Services> = Arc::new(CompilerServices);
    let ticker = &runner.loaded.engine.ticker;
    let call_deadline = ticker.register();
    let active_call = ticker.begin(&call_deadline, deadline);
    begin(&mut live, Current::new(context(), services.clone(), deadline, MAX_TIME));
    let turn = live.store.data().turn.clone();
    let (result, _) = {
        let run = std::pin::pin!(call_compiler(&mut live, runner, entry, functions));
        drive(run, &turn, &*services, deadline, began).await
    };
    drop(active_call);
    let failed = match result {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(error)) => Ok(Err(error)),
        Err(stop) => Err(stop),
    };
    let guest: &Guest = live.store.data();
    let output_tail = guest.output.end();
    let ended = classify(failed, &FinishedCall { guest, output_tail: &output_tail, served: 0 });
    Err(ended.err().unwrap_or_else(|| CallError::NoCapacity(Problem::new("no-answer", "the compiler did not answer"))))
}

async fn call_compiler(
    live: &mut LiveInstance,
    runner: &Runner,
    entry: &str,
    functions: &[String],
) -> wasmtime::Result<Result<Compiled, Vec<Diagnostic>>> {
    let instance = live.instantiate(&runner.loaded).await?;
    let func: TypedFunc<CompileParams<'_>, CompileAnswer> = instance.get_typed_func(&mut live.store, runner.compile)?;
    let (answer,) = func.call_async(&mut live.store, (entry, functions)).await?;
    Ok(answer)
}

fn problem(Diagnostic { file, position, message }: Diagnostic) -> ScriptProblem {
    let clean = |text: &str| escaped_lines(cut(text, MAX_MESSAGE)).into_owned();
    let position = position.map(|Position { line, column, .. }| (line, column));
    ScriptProblem { file: clean(&file), position, message: clean(&message) }
}

/// Returns the digest of everything that a script depends on. Each input is preceded by its length.
fn digest(runner: &str, entry: &str, texts: &Texts) -> String {
    let mut digest = Sha256::new_with_prefix(PURPOSE);
    let mut add = |bytes: &str| {
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    };
    add(runner);
    add(entry);
    for (file, text) in texts {
        add(file);
        add(text);
    }
    hex(digest.finalize().as_slice())
}

fn context() -> JobContext {
    JobContext { id: JobId(0), task: RUNNER.into(), attempt: 0, max_attempts: 0, handler: None, trace_parent: None }
}

/// The services of a compiler: none, because nothing of the script runs.
struct CompilerServices;

impl CompilerServices {
    fn refusal<T>() -> Result<T, Problem> {
        Err(Problem::new("compiling", "no job can be reached while a script is compiled"))
    }
}

#[async_trait]
impl Services for CompilerServices {
    fn progress(&self, _: u64, _: u64, _: &str) {}

    fn log(&self, _: LogSource, text: &str) {
        if !text.is_empty() {
            tracing::warn!(text, "the script runner printed while it compiled");
        }
    }

    fn is_cancelled(&self) -> bool {
        false
    }

    async fn cancelled(&self) {
        std::future::pending().await
    }

    async fn add(&self, _: &str, _: String, _: u64) -> Result<JobId, Problem> {
        Self::refusal()
    }

    async fn add_with(&self, _: &str, _: String, _: &str) -> Result<JobId, Problem> {
        Self::refusal()
    }

    async fn get(&self, _: &str, _: JobId) -> Result<TaskJob, Problem> {
        Self::refusal()
    }

    async fn cancel(&self, _: &str, _: JobId) -> Result<(), Problem> {
        Self::refusal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Allocator, EngineOptions};

    #[tokio::test]
    async fn an_engine_without_a_fitting_runner_says_so() {
        let load = async |script_runner: Option<&'static [u8]>| {
            let allocator = Allocator::OnDemand;
            let options = EngineOptions { sandboxes: 1, allocator, script_runner, ..EngineOptions::default() };
            let engine = Engine::new(options).unwrap();
            engine.load_script("scripts/a.js", &[], Arc::new(|_| Ok(String::new()))).await.unwrap_err()
        };
        assert!(matches!(load(None).await, ScriptError::NoRunner));
        assert!(matches!(load(Some(b"no component")).await, ScriptError::Runner(LoadError::Invalid(_))));
        let empty = load(Some(b"\0asm\x0d\0\x01\0")).await;
        assert!(matches!(empty, ScriptError::Runner(LoadError::Link(why)) if why.contains(COMPILER)));
    }

    #[test]
    fn a_digest_covers_the_runner_and_every_file() {
        let texts =
            |files: &[(&str, &str)]| files.iter().map(|(file, text)| ((*file).to_owned(), (*text).into())).collect();
        let digests = [
            digest("r", "a.js", &texts(&[("a.js", "1"), ("b.js", "2")])),
            digest("s", "a.js", &texts(&[("a.js", "1"), ("b.js", "2")])),
            digest("r", "b.js", &texts(&[("a.js", "1"), ("b.js", "2")])),
            digest("r", "a.js", &texts(&[("a.js", "1"), ("b.js", "3")])),
            digest("r", "a.js", &texts(&[("a.js", "1b.js2")])),
            digest("r", "a.js", &texts(&[("a.js", "1"), ("c.js", "2")])),
        ];
        let distinct: std::collections::BTreeSet<_> = digests.iter().collect();
        assert_eq!(distinct.len(), digests.len());
        assert_eq!(digests[0], digest("r", "a.js", &texts(&[("b.js", "2"), ("a.js", "1")])));
    }
}
