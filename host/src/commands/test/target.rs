//! What the command line names: a function of a plugin or script, or files with tests.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use saggar::{CodeFile, Engine, Plugin, Reference, Task};
use saggar_definition::{ScriptFiles, Variable, is_script_file, read_task, resolve_inside};
use saggar_sandbox::ScriptError;
use serde_json::json;

use super::{captured, cases};
use crate::cli::author::{RoleArg, Test};

/// What is tested.
#[derive(Debug)]
pub(super) enum Target {
    Function(Function),
    /// Test files below `root`.
    Files {
        root: PathBuf,
        /// The app that they are in.
        app: Option<PathBuf>,
        files: Vec<PathBuf>,
    },
    /// A test case that was captured.
    Captured(PathBuf),
}

/// A function of a plugin or script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) code: Code,
    /// The part of the reference after `#`, or the function of a script.
    pub(crate) handler: Option<String>,
}

/// A file with code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Code {
    /// A component's file.
    Component { path: PathBuf, place: Option<FileInApp> },
    /// A script of an app.
    Script(FileInApp),
}

/// The place of a file of code in an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileInApp {
    pub(super) app: PathBuf,
    /// The path in the app, such as `scripts/mail/send.js`.
    pub(super) file: String,
}

impl FileInApp {
    /// Returns the place of an existing file below one of these directories of an app; `None` if it is elsewhere.
    fn of(path: &Path, directories: &[&str]) -> anyhow::Result<Option<Self>> {
        // The parent of a file in the current directory is empty.
        let directory = Path::new(".").join(path.parent().unwrap_or(Path::new("")));
        let directory = directory.canonicalize().with_context(|| format!("cannot open {}", directory.display()))?;
        let path = directory.join(path.file_name().unwrap_or_default());
        let is_of_app = |directory: &&Path| {
            directories.iter().any(|name| directory.ends_with(name)) && directory.with_file_name("tasks").is_dir()
        };
        let app = path.ancestors().skip(1).find(is_of_app).and_then(Path::parent);
        let file = app.and_then(|app| path.strip_prefix(app).ok()?.to_str());
        Ok(app.zip(file).map(|(app, file)| Self { app: app.to_owned(), file: file.to_owned() }))
    }

    /// Returns how a task refers to the code; `None` if no task can, because a name in the path has a dot.
    fn code(&self) -> Option<CodeFile> {
        let (stem, _) = self.file.rsplit_once('.')?;
        let (directory, name) = stem.split_once('/')?;
        let function = if directory == "scripts" { ".Any" } else { "" };
        let reference = format!("{directory}.{}{function}", name.replace('/', "."));
        let task = (!name.contains('.')).then(|| task_of(&reference, &json!({})).ok())??;
        Some(task.process.value.code)
    }
}

/// Returns the app that a test file is in.
fn app_of(test_file: &Path) -> anyhow::Result<Option<PathBuf>> {
    Ok(FileInApp::of(test_file, &cases::DIRECTORIES)?.map(|place| place.app))
}

impl Code {
    /// Returns the code that a test file without its extension `.test.json` is about; `None` if there is none.
    pub(super) fn beside(stem: &Path) -> anyhow::Result<Option<Self>> {
        let files = ["wasm", "js", "ts"].map(|extension| stem.with_added_extension(extension));
        files.iter().find(|file| file.is_file()).map(|file| Self::of_file(file)).transpose()
    }

    /// Returns the code in an existing file.
    pub(crate) fn of_file(path: &Path) -> anyhow::Result<Self> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !is_script_file(name) {
            return Ok(Self::Component { path: path.to_owned(), place: FileInApp::of(path, &["plugins"])? });
        }
        let place = FileInApp::of(path, &["scripts"])?;
        place.map(Self::Script).with_context(|| {
            format!("{} is not below the directory `scripts` of an app, beside `tasks`", path.display())
        })
    }

    /// Returns the place in an app.
    pub(super) fn place(&self) -> Option<&FileInApp> {
        match self {
            Self::Component { place, .. } => place.as_ref(),
            Self::Script(place) => Some(place),
        }
    }

    /// Loads the code.
    pub(crate) async fn load(&self, engine: &Engine) -> anyhow::Result<Plugin> {
        match self {
            Self::Component { path, .. } => engine.load(path).await.with_context(|| path.display().to_string()),
            Self::Script(FileInApp { app, file }) => {
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
            let (root, app) = (path.to_owned(), Some(path.to_owned()));
            return Ok(Self::Files { root, app, files: cases::find(path)? });
        }
        if captured::is_captured(path) {
            only_files(args)?;
            return Ok(Self::Captured(path.to_owned()));
        }
        if cases::is_test_file(path) {
            only_files(args)?;
            let root = path.parent().unwrap_or(Path::new("")).to_owned();
            return Ok(Self::Files { root, app: app_of(path)?, files: vec![path.to_owned()] });
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
        && args.task.is_none()
        && args.repeat.is_none()
        && args.role == RoleArg::Processor;
    if !is_alone {
        bail!("test files contain their own arguments, roles, handlers and tasks; give only their path");
    }
    Ok(())
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.reference(), &self.code) {
            (Some(reference), _) => write!(f, "{reference}"),
            (None, Code::Component { path, .. }) => write!(f, "{}", path.display()),
            (None, Code::Script(place)) => write!(f, "{}", place.file),
        }
    }
}

impl Function {
    /// Finds the file of a reference in an app.
    pub(crate) fn of_reference(app: &Path, text: &str) -> anyhow::Result<Self> {
        let task = task_of(text, &json!({}))?;
        let reference = &task.process.value;
        let root = app.canonicalize().with_context(|| format!("cannot open the app {}", app.display()))?;
        let file = match reference.code {
            CodeFile::Plugin(_) => reference.code.file(),
            CodeFile::Script(_) => ScriptFiles::of(&root).entry(&reference.code.file())?,
        };
        let path = resolve_inside(&root, Path::new(&file))
            .with_context(|| format!("{}: cannot open {file}; `--app` names the app", app.display()))?;
        let place = FileInApp { app: root, file };
        let code = match reference.code {
            CodeFile::Plugin(_) => Code::Component { path, place: Some(place) },
            CodeFile::Script(_) => Code::Script(place),
        };
        Ok(Self { code, handler: reference.handler.clone() })
    }

    /// Returns how a task of the app refers to the function; `None` if it is not in an app.
    pub(super) fn reference(&self) -> Option<Reference> {
        Some(Reference { code: self.code.place()?.code()?, handler: self.handler.clone() })
    }
}

/// Returns the code that a reference names.
pub(crate) fn code_of(reference: &str) -> anyhow::Result<CodeFile> {
    Ok(task_of(reference, &json!({}))?.process.value.code)
}

/// Reads the definition of a task with this processor, so that references and limits have one syntax and one default.
pub(super) fn task_of(process: &str, more: &serde_json::Value) -> anyhow::Result<Task> {
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
