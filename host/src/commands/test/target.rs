//! What the command line names: a function of a plugin or script, or files with tests; and the limits of its calls.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use saggar::{CodeFile, Engine, HostBuilder, Plugin, Task};
use saggar_definition::{ScriptFiles, Variable, is_script_file, read_task, resolve_inside};
use saggar_sandbox::{Limits, ScriptError};
use serde_json::json;

use super::cases;
use crate::cli::author::{RoleArg, Test};

/// How many sandboxes exist at once: one, and spare ones for plugins with several memories.
const SANDBOXES: u32 = 8;

/// What is tested.
#[derive(Debug)]
pub(super) enum Target {
    Function(Function),
    /// Test files below `root`.
    Files {
        root: PathBuf,
        files: Vec<PathBuf>,
    },
}

/// A function of a plugin or script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) code: Code,
    /// The part of the reference after `#`, or the function of a script.
    pub(super) handler: Option<String>,
}

/// A file with code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Code {
    /// A component's file.
    Component(PathBuf),
    /// A script of an app.
    Script {
        app: PathBuf,
        /// Its path in the app, such as `scripts/mail/send.js`.
        file: String,
    },
}

impl Code {
    /// Returns the code that a test file without its extension `.test.json` is about; `None` if there is none.
    pub(super) fn beside(stem: &Path) -> anyhow::Result<Option<Self>> {
        let files = ["wasm", "js"].map(|extension| stem.with_added_extension(extension));
        files.iter().find(|file| file.is_file()).map(|file| Self::of_file(file)).transpose()
    }

    /// Returns the code in an existing file.
    fn of_file(path: &Path) -> anyhow::Result<Self> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !is_script_file(name) {
            return Ok(Self::Component(path.to_owned()));
        }
        // The parent of a file in the current directory is empty.
        let directory = Path::new(".").join(path.parent().unwrap_or(Path::new("")));
        let directory = directory.canonicalize().with_context(|| format!("cannot open {}", directory.display()))?;
        let path = directory.join(name);
        let app_of = |scripts: &&Path| scripts.ends_with("scripts") && scripts.with_file_name("tasks").is_dir();
        let app = path.ancestors().skip(1).find(app_of).and_then(Path::parent);
        let file = app.and_then(|app| path.strip_prefix(app).ok()?.to_str());
        let (Some(app), Some(file)) = (app, file) else {
            bail!("{} is not below the directory `scripts` of an app, beside `tasks`", path.display());
        };
        Ok(Self::Script { app: app.to_owned(), file: file.to_owned() })
    }

    /// Loads the code.
    pub(super) async fn load(&self, engine: &Engine) -> anyhow::Result<Plugin> {
        match self {
            Self::Component(path) => engine.load(path).await.with_context(|| path.display().to_string()),
            Self::Script { app, file } => {
                let files = ScriptFiles::of(app);
                let read = move |file: &str| files.read(file).map_err(|error| error.to_string());
                engine.load_script(file, &[], Arc::new(read)).await.map_err(|error| script_error(file, error))
            }
        }
    }
}

/// Returns an error with the places of all errors in the script.
fn script_error(script: &str, error: ScriptError) -> anyhow::Error {
    let ScriptError::Invalid { problems, .. } = error else {
        return anyhow::Error::new(error).context(script.to_owned());
    };
    let lines = problems.iter().map(|problem| match problem.position {
        Some((line, column)) => format!("{}:{line}:{column}: {}", problem.file, problem.message),
        None => format!("{}: {}", problem.file, problem.message),
    });
    anyhow::Error::msg(lines.collect::<Vec<_>>().join("\n"))
}

impl Target {
    /// Finds what the command line names. A file or directory comes before a reference.
    pub(super) fn of(args: &Test) -> anyhow::Result<Self> {
        let path = Path::new(&args.target);
        if path.is_dir() {
            only_files(args)?;
            return Ok(Self::Files { root: path.to_owned(), files: cases::find(path)? });
        }
        if cases::is_test_file(path) {
            only_files(args)?;
            let root = path.parent().unwrap_or(Path::new("")).to_owned();
            return Ok(Self::Files { root, files: vec![path.to_owned()] });
        }
        let handler = args.handler.clone();
        if path.is_file() {
            return Ok(Self::Function(Function { code: Code::of_file(path)?, handler }));
        }
        if !["plugins.", "scripts."].iter().any(|prefix| args.target.starts_with(prefix)) {
            bail!(
                "there is no file `{0}`, and `{0}` is no reference; write the path of a component or script, a reference such as \
                 `plugins.mail#send` or `scripts.mail.Send`, or the directory of an app",
                args.target
            );
        }
        let function = Function::of_reference(&args.app, &args.target)?;
        if function.handler.is_some() && handler.is_some() {
            bail!("the reference names a handler already; leave out `--handler`");
        }
        Ok(Self::Function(Function { code: function.code, handler: function.handler.or(handler) }))
    }
}

/// Refuses what does not apply to test files.
fn only_files(args: &Test) -> anyhow::Result<()> {
    let is_alone = args.args.is_empty()
        && args.input.is_none()
        && args.handler.is_none()
        && args.repeat.is_none()
        && args.role == RoleArg::Processor;
    if !is_alone {
        bail!("test files contain their own arguments, roles and handlers; give only their path");
    }
    Ok(())
}

impl Function {
    /// Finds the file of a reference in an app.
    fn of_reference(app: &Path, text: &str) -> anyhow::Result<Self> {
        let task = task(text, &json!({}))?;
        let reference = &task.process.value;
        let file = reference.code.file();
        let root = app.canonicalize().with_context(|| format!("cannot open the app {}", app.display()))?;
        let path = resolve_inside(&root, Path::new(&file))
            .with_context(|| format!("{}: cannot open {file}; `--app` names the app", app.display()))?;
        let code = match reference.code {
            CodeFile::Plugin(_) => Code::Component(path),
            CodeFile::Script(_) => Code::Script { app: root, file },
        };
        Ok(Self { code, handler: reference.handler.clone() })
    }
}

/// The limits of calls: those of a task without any, or with what the command line says.
#[derive(Debug)]
pub(super) struct CallLimits {
    task: Task,
    timeout: Option<Duration>,
}

/// Returns the limits of the command line.
pub(super) fn limits(args: &Test) -> anyhow::Result<CallLimits> {
    let sandbox = match &args.memory {
        Some(memory) => json!({ "sandbox": { "memory": memory } }),
        None => json!({}),
    };
    Ok(CallLimits { task: task("plugins.any", &sandbox)?, timeout: args.timeout })
}

impl CallLimits {
    pub(super) fn engine(&self, builder: &HostBuilder) -> anyhow::Result<Engine> {
        Ok(builder.start_engine(SANDBOXES, self.task.sandbox.memory_bytes, true)?)
    }

    pub(super) fn sandbox(&self) -> Limits {
        Limits { memory: self.task.sandbox.memory_bytes, reuse: self.task.sandbox.reuse }
    }

    /// Returns the timeout of a call of this role.
    pub(super) fn timeout(&self, role: RoleArg) -> Duration {
        let default = if role == RoleArg::Processor { self.task.timeout } else { self.task.sandbox.event_timeout };
        self.timeout.unwrap_or(default)
    }
}

/// Reads the definition of a task with this processor, so that references and limits have one syntax and one default.
fn task(process: &str, more: &serde_json::Value) -> anyhow::Result<Task> {
    let mut definition = more.clone();
    definition["process"] = process.into();
    read_task("tasks/test.json", definition.to_string().as_bytes(), &|_| Variable::Unset).map_err(|problems| {
        let text = |problem: saggar::Diagnostic| match problem.help {
            Some(help) => format!("{}\n  {help}", problem.message),
            None => problem.message,
        };
        anyhow::Error::msg(problems.into_iter().map(text).collect::<Vec<_>>().join("\n"))
    })
}
