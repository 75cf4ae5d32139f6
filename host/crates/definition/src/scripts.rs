//! Finds and reads the files of scripts. Owns which files a script can consist of, and hazards of the file system; the
//! script runner owns their content.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::confined::{open_inside, read_opened};
use crate::diagnostic::Diagnostic;
use crate::files::utf8_text;
use crate::suggest::nearest;

/// The directory of scripts in an app.
const SCRIPTS_DIR: &str = "scripts";

/// Extensions of files that a script can consist of.
const EXTENSIONS: [&str; 4] = ["js", "mjs", "ts", "mts"];

/// Extensions of files of the same name that people may mean.
const LOOKALIKES: [&str; 8] = ["js", "ts", "mjs", "mts", "cjs", "cts", "jsx", "tsx"];

/// Maximum size of a file. The original's largest scripts have some 50 KB; a bundle of libraries has less than this.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Maximum number of directory entries that one look into a directory reads.
const MAX_ENTRIES: usize = 10_000;

/// The scripts of an app.
#[derive(Debug, Clone)]
pub struct ScriptFiles {
    /// The app's directory, with symbolic links resolved.
    root: PathBuf,
}

/// Why a file of a script cannot be read. The messages name the file.
#[derive(Debug, Error)]
pub enum ScriptFileError {
    /// The path leads out of `scripts/`.
    #[error("`{file}` is not below `scripts/`: a script can import only files there")]
    Outside {
        /// The path.
        file: String,
    },
    /// The extension is not that of a script.
    #[error("`{file}` is not a script: the extension must be `.js`, `.mjs`, `.ts` or `.mts`")]
    Extension {
        /// The path.
        file: String,
    },
    /// There are two files of this name, one of JavaScript and one of TypeScript.
    #[error("there are both {file} and {other}, so that it is not clear which one is meant")]
    Ambiguous {
        /// The file of JavaScript.
        file: String,
        /// The file of TypeScript.
        other: String,
    },
    /// There is no such file.
    #[error("the script {file} does not exist")]
    Missing {
        /// The path.
        file: String,
        /// An existing file that may be meant: the same name in another case or with another extension, or a similar one.
        similar: Option<String>,
    },
    /// A name of the path exists twice, in upper and lower case, so that the app would mean something else on another
    /// file system.
    #[error("`{file}` and `{other}` differ only in case: rename one of them")]
    Case {
        /// The path, up to the name.
        file: String,
        /// The other path.
        other: String,
    },
    /// It cannot be read.
    #[error("cannot read {file}: {source}")]
    Unreadable {
        /// The path.
        file: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It is larger than 1 MiB.
    #[error("{file} is larger than 1 MiB: split it, or leave out what it does not need")]
    TooLarge {
        /// The path.
        file: String,
    },
    /// It is not UTF-8.
    #[error("{}: save it as UTF-8", .0.brief())]
    Encoding(Box<Diagnostic>),
}

fn extension(file: &str) -> Option<&str> {
    Path::new(file).extension()?.to_str()
}

/// Returns whether a script can consist of a file of this name, or of this path below `scripts/`.
pub fn is_script_file(file: &str) -> bool {
    extension(file).is_some_and(|extension| EXTENSIONS.contains(&extension))
}

impl ScriptFiles {
    /// Creates the scripts of the app in this directory.
    pub fn of(app_dir: &Path) -> Self {
        Self { root: app_dir.canonicalize().unwrap_or_else(|_| app_dir.to_owned()) }
    }

    /// Returns the file that a reference names. `file` is its name as JavaScript, such as `scripts/mail/send.js`; the file may
    /// be of TypeScript instead. Blocks.
    pub fn entry(&self, file: &str) -> Result<String, ScriptFileError> {
        let (parent, name) = file.rsplit_once('/').unwrap_or(("", file));
        let Some(typescript) = name.strip_suffix(".js").map(|stem| format!("{stem}.ts")) else {
            return Ok(file.into());
        };
        let names = self.names(parent);
        let has = |name: &str| names.iter().any(|other| other == name);
        match (has(name), has(&typescript)) {
            (true, true) => Err(ScriptFileError::Ambiguous { file: file.to_owned(), other: join(parent, &typescript) }),
            (false, true) => Ok(join(parent, &typescript)),
            (_, false) => Ok(file.to_owned()),
        }
    }

    /// Reads the text of a file: `file` is relative to the app's directory, such as `scripts/mail/send.js`. Follows links
    /// to files inside the app only. Blocks.
    pub fn read(&self, file: &str) -> Result<String, ScriptFileError> {
        let of_file = || file.to_owned();
        if !is_below_scripts(file) {
            return Err(ScriptFileError::Outside { file: of_file() });
        }
        if !is_script_file(file) {
            return Err(ScriptFileError::Extension { file: of_file() });
        }
        self.check_case(file)?;
        let read = open_inside(&self.root, Path::new(file)).and_then(|(_, file)| read_opened(&file, MAX_FILE_BYTES));
        match read {
            Ok(bytes) if bytes.len() as u64 > MAX_FILE_BYTES => Err(ScriptFileError::TooLarge { file: of_file() }),
            Ok(bytes) => utf8_text(file, &bytes).map_err(|problem| ScriptFileError::Encoding(Box::new(problem))),
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                Err(ScriptFileError::Missing { file: of_file(), similar: self.similar(file) })
            }
            Err(source) => Err(ScriptFileError::Unreadable { file: of_file(), source }),
        }
    }

    /// Fails if a part of the path has a sibling that differs only in case.
    fn check_case(&self, file: &str) -> Result<(), ScriptFileError> {
        for (end, _) in file.match_indices('/').chain([(file.len(), "")]) {
            let path = &file[..end];
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
            let names = self.names(parent);
            let differs_in_case = |other: &&String| *other != name && other.to_lowercase() == name.to_lowercase();
            if names.iter().any(|other| other == name)
                && let Some(other) = names.iter().find(differs_in_case)
            {
                return Err(ScriptFileError::Case { file: path.to_owned(), other: join(parent, other) });
            }
        }
        Ok(())
    }

    /// Returns the existing file that the author of `file` probably means.
    fn similar(&self, file: &str) -> Option<String> {
        let (parent, name) = file.rsplit_once('/')?;
        let names = self.names(parent);
        let stem = Path::new(name).file_stem()?.to_str()?;
        let is_lookalike = |other: &&String| {
            other
                .strip_prefix(stem)
                .is_some_and(|rest| LOOKALIKES.iter().any(|extension| rest.strip_prefix('.') == Some(*extension)))
        };
        let scripts = names.iter().map(String::as_str).filter(|name| matches!(extension(name), Some("js" | "ts")));
        let found = names.iter().find(is_lookalike).map(String::as_str).or_else(|| nearest(name, scripts))?;
        Some(join(parent, found))
    }

    /// Returns the names in a directory; none if it cannot be read.
    fn names(&self, directory: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.root.join(directory)) else { return Vec::new() };
        let name = |entry: io::Result<std::fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
        entries.take(MAX_ENTRIES).filter_map(name).collect()
    }
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") }
}

/// Returns whether a path is below `scripts/`, without `.`, `..` and empty parts.
fn is_below_scripts(file: &str) -> bool {
    let mut parts = file.split('/');
    let is_name = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0']);
    parts.next() == Some(SCRIPTS_DIR) && parts.clone().next().is_some() && parts.all(is_name)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    fn app(files: &[(&str, &[u8])]) -> (TempDir, ScriptFiles) {
        let dir = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let files = ScriptFiles::of(dir.path());
        (dir, files)
    }

    fn refusal(files: &ScriptFiles, file: &str) -> String {
        files.read(file).unwrap_err().to_string()
    }

    #[test]
    fn files_below_scripts_are_read() {
        let (_dir, files) = app(&[
            ("scripts/a/b.js", "\u{feff}let 一 = 1;".as_bytes()),
            ("scripts/c.mjs", b"2"),
            ("scripts/d.ts", b"3"),
        ]);
        assert_eq!(files.read("scripts/d.ts").unwrap(), "3");
        assert_eq!(files.read("scripts/a/b.js").unwrap(), "let 一 = 1;");
        assert_eq!(files.read("scripts/c.mjs").unwrap(), "2");
    }

    #[test]
    fn paths_that_leave_scripts_are_refused() {
        let (_dir, files) = app(&[("secret.js", b"1"), ("scripts/a.js", b"2")]);
        for file in [
            "secret.js",
            "scripts",
            "scripts/",
            "scripts/../secret.js",
            "scripts/./a.js",
            "scripts//a.js",
            "/scripts/a.js",
            "scripts/..\\secret.js",
            "scripts/a\0.js",
        ] {
            assert!(refusal(&files, file).contains("not below `scripts/`"), "{file:?}");
        }
    }

    #[test]
    fn a_reference_names_a_file_of_either_language() {
        let (_dir, files) =
            app(&[("scripts/a.ts", b"1"), ("scripts/b.js", b"2"), ("scripts/both.js", b""), ("scripts/both.ts", b"")]);
        assert_eq!(files.entry("scripts/a.js").unwrap(), "scripts/a.ts");
        assert_eq!(files.entry("scripts/b.js").unwrap(), "scripts/b.js");
        assert_eq!(files.entry("scripts/none.js").unwrap(), "scripts/none.js");
        let both = files.entry("scripts/both.js").unwrap_err().to_string();
        assert!(both.contains("both scripts/both.js and scripts/both.ts"), "{both}");
    }

    #[test]
    fn other_extensions_are_refused() {
        let (_dir, files) = app(&[("scripts/a.tsx", b"1"), ("scripts/b.json", b"2")]);
        for file in ["scripts/a.tsx", "scripts/b.json", "scripts/c"] {
            assert!(refusal(&files, file).contains("must be `.js`, `.mjs`, `.ts` or `.mts`"), "{file}");
        }
    }

    #[test]
    fn a_missing_file_has_the_most_similar_one() {
        let (_dir, files) = app(&[("scripts/task.ts", b"1"), ("scripts/Mail.js", b"2"), ("scripts/other.js", b"3")]);
        let similar = |file: &str| match files.read(file).unwrap_err() {
            ScriptFileError::Missing { similar, .. } => similar,
            other => panic!("{other}"),
        };
        assert_eq!(similar("scripts/task.js").as_deref(), Some("scripts/task.ts"));
        assert_eq!(similar("scripts/mail.js").as_deref(), Some("scripts/Mail.js"));
        assert_eq!(similar("scripts/othr.js").as_deref(), Some("scripts/other.js"));
        assert_eq!(similar("scripts/unlike.js"), None);
        assert_eq!(similar("scripts/no/such.js"), None);
    }

    #[test]
    fn names_that_differ_only_in_case_are_refused() {
        let (_dir, files) = app(&[("scripts/task.js", b"1"), ("scripts/Task.js", b"2"), ("scripts/a/x.js", b"3")]);
        assert!(refusal(&files, "scripts/task.js").contains("`scripts/Task.js` differ only in case"));
        assert!(files.read("scripts/a/x.js").is_ok());
        let (_dir, files) = app(&[("scripts/a/x.js", b"1"), ("scripts/A/y.js", b"2")]);
        assert!(refusal(&files, "scripts/a/x.js").contains("`scripts/a` and `scripts/A` differ only in case"));
    }

    #[test]
    fn links_out_of_the_app_and_to_directories_are_refused() {
        let (dir, files) = app(&[("scripts/a.js", b"1"), ("lib/b.js", b"2")]);
        let (elsewhere, _) = app(&[("c.js", b"3")]);
        let scripts = dir.path().join("scripts");
        symlink("../lib/b.js", scripts.join("b.js")).unwrap();
        symlink("../lib", scripts.join("lib")).unwrap();
        symlink(elsewhere.path().join("c.js"), scripts.join("c.js")).unwrap();
        assert_eq!(files.read("scripts/b.js").unwrap(), "2", "a link to a file inside the app");
        assert!(refusal(&files, "scripts/lib/b.js").contains("is a link to a directory"));
        assert!(refusal(&files, "scripts/c.js").contains("leads out of the app"));
    }

    #[test]
    fn directories_large_files_and_other_encodings_are_refused() {
        let large = vec![b' '; (MAX_FILE_BYTES + 1) as usize];
        let (_dir, files) =
            app(&[("scripts/d.js/x", b""), ("scripts/large.js", &large), ("scripts/latin.js", b"let a = '\xe9';")]);
        assert!(refusal(&files, "scripts/d.js").contains("not a regular file"));
        assert!(refusal(&files, "scripts/large.js").contains("larger than 1 MiB"));
        assert!(refusal(&files, "scripts/latin.js").contains("scripts/latin.js:1:10: invalid UTF-8"));
    }
}
