//! Loads scripts: has the script runner compile them inside a sandbox with limits. Never on the path of a job.

use std::sync::Arc;

use saggar_job::Problem;
use saggar_tenant::{Flow, Quota, QuotaExceeded, Tenant};
use sha2::{Digest, Sha256};
use wasmtime::component::{ComponentType, Lift};

use crate::cache::hex;
use crate::compile_failure;
use crate::own_component::OwnFunction;
use crate::script::{
    Diagnostic, Position, ReadScript, Script, ScriptAccess, ScriptModule, SourceFiles, Texts, is_typescript,
};
use crate::strip_types::TypeStripper;
use crate::text::{cut, escaped_lines};
use crate::{CallError, Engine, LoadError, Plugin};

/// Maximum errors of one script, and bytes of the message of each.
const MAX_PROBLEMS: usize = 20;
const MAX_MESSAGE: usize = 4096;

/// First input of every digest of a script.
const PURPOSE: &[u8] = b"saggar script 1\0";

/// The interface of the runner's compiler.
const COMPILER: &str = "saggar:script/compiler@0.1.0";

type CompileAnswer = (Result<Compiled, Vec<Diagnostic>>,);

/// See `saggar:script/compiler`.
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
struct Compiled {
    modules: Vec<ScriptModule>,
    functions: Vec<String>,
    engine: String,
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
        let runner = self.0.script_runner.as_ref().ok_or(ScriptError::NoRunner)?;
        let compiler = OwnFunction::load(self, runner, COMPILER, "compile").await.map_err(ScriptError::Runner)?;
        let flow = self.flow_of_compiler();
        let mut stripper = None;
        if is_typescript(entry) {
            stripper = self.type_stripper().await?;
        }
        loop {
            let files =
                Arc::new(SourceFiles::new(read.clone(), stripper.as_ref().map(|stripper| stripper.for_script(&flow))));
            let compiled = {
                let of_tenant = self.flow().tenant().hold_when_free(Quota::Compilations).await;
                let _of_tenant = of_tenant.map_err(ScriptError::Quota)?;
                let _permit = self.0.compiling.acquire(self.flow()).await;
                self.flow().tenant().check_cpu().map_err(ScriptError::Quota)?;
                compile(&compiler, &flow, entry, functions, files.clone()).await
            };
            // The stripper is loaded without a permit: it may have to be compiled, which takes one.
            if files.lacks_stripper() && stripper.is_none() {
                stripper = self.type_stripper().await?;
                if stripper.is_some() {
                    continue;
                }
            }
            let Compiled { modules, functions, engine } = compiled?;
            let texts = files.texts();
            let tools = [&*compiler.loaded.digest, stripper.as_ref().map_or("", TypeStripper::digest)].concat();
            let digest = digest(&tools, entry, &texts);
            let script = Script { modules: modules.into(), texts, functions, engine };
            return Ok(compiler.loaded.with_script(entry, digest, script));
        }
    }

    async fn type_stripper(&self) -> Result<Option<TypeStripper>, ScriptError> {
        TypeStripper::load(self).await.map_err(ScriptError::TypeStripper)
    }

    /// Returns whose work the compiler does. Its memory does not count for the tenant: a script must not stay unloaded
    /// because of jobs that run, and the tenant's quota of compilations bounds it.
    fn flow_of_compiler(&self) -> Flow {
        Flow::new(Tenant::compiler_of(self.flow().tenant()), "")
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
    /// The type stripper cannot be loaded.
    #[error("the type stripper cannot be loaded")]
    TypeStripper(#[source] LoadError),
    /// The script has errors.
    #[error("the script has {} errors", .problems.len())]
    Invalid {
        /// The errors.
        problems: Vec<ScriptProblem>,
        /// The texts of the files that were read.
        texts: Texts,
    },
    /// The tenant may not compile.
    #[error(transparent)]
    Quota(QuotaExceeded),
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

/// Makes one call of the compiler, in an instance of its own.
async fn compile(
    compiler: &OwnFunction,
    flow: &Flow,
    entry: &str,
    functions: &[String],
    files: Arc<SourceFiles>,
) -> Result<Compiled, ScriptError> {
    let answer: Result<CompileAnswer, CallError> =
        compiler.call(flow, (entry, functions), ScriptAccess::Compiling(files.clone())).await;
    let diagnostics = match answer {
        Ok((Ok(compiled),)) => return Ok(compiled),
        Ok((Err(diagnostics),)) => diagnostics,
        Err(CallError::NoCapacity(problem)) => return Err(ScriptError::Failed(problem)),
        Err(error) => {
            let problem = error.problem();
            let Problem { code, message, details } = problem;
            tracing::debug!(entry, code, message, details, "the script runner did not compile a script");
            // Each file is compiled as soon as it was read.
            let file = files.last_file().unwrap_or_else(|| entry.to_owned());
            vec![Diagnostic::of_file(file, compile_failure::message(problem))]
        }
    };
    let problems = diagnostics.into_iter().take(MAX_PROBLEMS).map(problem).collect();
    Err(ScriptError::Invalid { problems, texts: files.texts() })
}

fn problem(Diagnostic { file, position, message }: Diagnostic) -> ScriptProblem {
    let clean = |text: &str| escaped_lines(cut(text, MAX_MESSAGE)).into_owned();
    let position = position.map(|Position { line, column, .. }| (line, column));
    ScriptProblem { file: clean(&file), position, message: clean(&message) }
}

/// Returns the digest of everything that a script depends on. Each input is preceded by its length.
fn digest(tools: &str, entry: &str, texts: &Texts) -> String {
    let mut digest = Sha256::new_with_prefix(PURPOSE);
    let mut add = |bytes: &str| {
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    };
    add(tools);
    add(entry);
    for (file, text) in texts {
        add(file);
        add(text);
    }
    hex(digest.finalize().as_slice())
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
