//! A script: the modules that the script runner has compiled, with their source texts, and the
//! files of one that is being compiled. `load_script` makes scripts, and `script_source` passes them to the runner.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use wasmtime::component::{ComponentType, Lift, Lower};

/// Maximum bytes of a script with everything that it imports.
const MAX_TEXT_BYTES: usize = 4 << 20;

/// Maximum files of a script, and requests for files that do not exist. The script runner has the same limit.
const MAX_FILES: usize = 256;

/// Reads the file of a script: returns its text, or one sentence that says why it cannot be read. May block.
pub type ReadScript = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;

/// A compiled file of a script. The code is unchecked input of the script engine, so it comes from the runner's own
/// compiler only.
#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct ScriptModule {
    pub(crate) file: String,
    pub(crate) code: Vec<u8>,
}

/// An error in a script; see `saggar:script/source`.
#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct Diagnostic {
    pub(crate) file: String,
    pub(crate) position: Option<Position>,
    pub(crate) message: String,
}

/// See `saggar:script/source`.
#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) column: u32,
    /// Empty in what the host says: the text of the file shows it.
    pub(crate) source: String,
}

/// Returns a file of TypeScript without its types, or its errors.
pub(crate) type StripTypes =
    Arc<dyn Fn(String, Arc<str>) -> BoxFuture<'static, Result<Arc<str>, Vec<Diagnostic>>> + Send + Sync>;

/// A script that can run, without the runner.
pub struct Script {
    pub(crate) modules: Arc<[ScriptModule]>,
    pub(crate) texts: Texts,
    pub(crate) functions: Vec<String>,
    pub(crate) engine: String,
}

/// The texts of a script's files, by file.
pub type Texts = BTreeMap<String, Arc<str>>;

/// What an instance of the runner gets through `saggar:script/source`.
#[derive(Clone)]
pub(crate) enum ScriptAccess {
    /// Nothing: the instance belongs to a plugin.
    None,
    /// The modules of a script that it runs.
    Running(Arc<Script>),
    /// The files of a script that it compiles.
    Compiling(Arc<SourceFiles>),
}

/// The files of a script that is being compiled.
pub(crate) struct SourceFiles {
    read: ReadScript,
    /// `None` until a file needs it.
    strip: Option<StripTypes>,
    seen: Mutex<Seen>,
}

/// What the compiler has read so far.
#[derive(Default)]
struct Seen {
    texts: Texts,
    bytes: usize,
    requests: usize,
    /// The file that was asked for last, which is the one that is being compiled.
    last: Option<String>,
    /// Whether there is a file of TypeScript, and nothing that strips its types.
    lacks_stripper: bool,
}

/// Returns whether a file is written in TypeScript.
pub(crate) fn is_typescript(file: &str) -> bool {
    file.ends_with(".ts") || file.ends_with(".mts")
}

impl Diagnostic {
    /// Creates an error that concerns a file as a whole.
    pub(crate) fn of_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self { file: file.into(), position: None, message: message.into() }
    }
}

impl Script {
    /// Returns its files and their texts.
    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    /// Returns the functions that tasks can refer to, as far as they are known without running the script.
    pub fn functions(&self) -> &[String] {
        &self.functions
    }

    /// Returns the engine that runs it, and its version.
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// Returns the size of all its files in bytes.
    pub fn size(&self) -> u64 {
        self.texts.values().map(|text| text.len() as u64).sum()
    }
}

/// Returns a line of a file, counted from 1, without its line end.
pub(crate) fn line(texts: &Texts, file: &str, line: u32) -> Option<String> {
    let text = texts.get(file)?;
    text.lines().nth(usize::try_from(line.checked_sub(1)?).ok()?).map(str::to_owned)
}

impl SourceFiles {
    pub(crate) fn new(read: ReadScript, strip: Option<StripTypes>) -> Self {
        Self { read, strip, seen: Mutex::default() }
    }

    /// Returns the text of a file as JavaScript.
    pub(crate) async fn javascript(&self, file: &str, text: Arc<str>) -> Result<Arc<str>, Vec<Diagnostic>> {
        match &self.strip {
            _ if !is_typescript(file) => Ok(text),
            Some(strip) => strip(file.to_owned(), text).await,
            None => {
                self.seen.lock().lacks_stripper = true;
                Err(vec![Diagnostic::of_file(file, "this host cannot strip the types of TypeScript")])
            }
        }
    }

    /// Returns whether a file of TypeScript was asked for, and nothing could strip its types.
    pub(crate) fn lacks_stripper(&self) -> bool {
        self.seen.lock().lacks_stripper
    }

    /// Returns the file that was asked for last.
    pub(crate) fn last_file(&self) -> Option<String> {
        self.seen.lock().last.clone()
    }

    /// Reads a file that the script consists of. May block.
    pub(crate) fn text(&self, file: &str) -> Result<Arc<str>, String> {
        {
            let mut seen = self.seen.lock();
            seen.last = Some(file.to_owned());
            if let Some(text) = seen.texts.get(file) {
                return Ok(text.clone());
            }
            seen.requests += 1;
            if seen.requests > MAX_FILES {
                return Err(format!("a script has at most {MAX_FILES} files: join some of them"));
            }
        }
        let text: Arc<str> = (self.read)(file)?.into();
        let mut seen = self.seen.lock();
        seen.bytes = seen.bytes.saturating_add(text.len());
        if seen.bytes > MAX_TEXT_BYTES {
            return Err(
                "a script and what it imports have at most 4 MiB together: leave out what it does not need".into()
            );
        }
        seen.texts.insert(file.to_owned(), text.clone());
        Ok(text)
    }

    /// Returns the texts that were read so far.
    pub(crate) fn texts(&self) -> Texts {
        self.seen.lock().texts.clone()
    }

    pub(crate) fn line(&self, file: &str, number: u32) -> Option<String> {
        line(&self.seen.lock().texts, file, number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(read: impl Fn(&str) -> Result<String, String> + Send + Sync + 'static) -> SourceFiles {
        SourceFiles::new(Arc::new(read), None)
    }

    #[test]
    fn all_files_of_a_script_share_a_limit() {
        let files = files(|_| Ok("x".repeat(1 << 20)));
        for file in ["a", "b", "c", "d"] {
            assert_eq!(files.text(file).unwrap().len(), 1 << 20);
        }
        assert!(files.text("e").unwrap_err().contains("4 MiB"));
        assert!(files.text("a").is_ok(), "a file that was read before counts once");
        assert_eq!(files.texts().len(), 4);
    }

    #[test]
    fn the_requests_of_a_compiler_are_limited() {
        let files = files(|_| Err("no such file".into()));
        for number in 0..MAX_FILES {
            assert_eq!(files.text(&number.to_string()).unwrap_err(), "no such file");
        }
        assert!(files.text("one more").unwrap_err().contains("at most 256 files"));
    }

    #[test]
    fn lines_count_from_one_and_have_no_line_end() {
        let texts = Texts::from([("a.js".to_owned(), Arc::from("first\r\nsecond\n"))]);
        assert_eq!(line(&texts, "a.js", 1).as_deref(), Some("first"));
        assert_eq!(line(&texts, "a.js", 2).as_deref(), Some("second"));
        for (file, number) in [("a.js", 0), ("a.js", 3), ("a.js", u32::MAX), ("b.js", 1)] {
            assert_eq!(line(&texts, file, number), None, "{file}:{number}");
        }
    }
}
