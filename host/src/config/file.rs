//! The configuration file: finds it, reads it, and assigns its entries to keys. Owns the errors about unknown keys and
//! their suggestions.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use saggar_definition::{Diagnostic, Location, Source, nearest, truncated, utf8_text};

use super::input::{Entry, Input, Node, Origin, RawValue};
use super::keys::{self, Key};
use super::value::{GRANTS, Reader, TENANT};
use super::{operator, secret, syntax};

/// The file's name in an app.
const NAME: &str = "saggar.toml";

/// Maximum size in bytes. A thousand tenants with ten tokens each need a quarter of it; a larger file was named by
/// mistake.
const MAX_BYTES: u64 = 8 << 20;

/// The configuration file after parsing.
pub(crate) struct ConfigFile {
    /// The text that messages show, with secrets masked.
    pub(crate) source: Arc<Source>,
    /// The base directory of relative paths in the file.
    pub(crate) dir: PathBuf,
    /// Whether it is the app's own file, and not one that the operator named.
    pub(crate) is_of_app: bool,
    text: String,
}

impl ConfigFile {
    /// Opens the file `named`, or else the app's own file. Returns an empty one if neither exists. Without an app, a
    /// file must be named.
    pub(crate) fn find(app: Option<&Path>, named: Option<&Path>) -> Result<Self, Diagnostic> {
        let Some(path) = named.map(Path::to_owned).or_else(|| Some(app?.join(NAME))) else {
            let problem = Diagnostic::error(Location::file("command line"), "no app and no configuration is named");
            let help = "name an app, or a configuration with tenants with `--config FILE`";
            return Err(problem.with_help(help));
        };
        let shown = path.to_string_lossy().into_owned();
        let bytes = match read(&path, named.is_some()) {
            Ok(bytes) => bytes,
            Err(error) if named.is_none() && is_absent(&error) => Vec::new(),
            Err(error) => return Err(unreadable(&shown, &path, &error)),
        };
        if bytes.len() as u64 > MAX_BYTES {
            let problem = Diagnostic::error(Location::file(shown), "the file is larger than 8 MiB");
            return Err(problem.with_help("check that it is the configuration; name another file with `--config FILE`"));
        }
        let text = match utf8_text(&shown, &bytes) {
            Ok(text) => text,
            Err(problem) => return Err(undecodable(&shown, &bytes, problem)),
        };
        let file = Self::of(shown, path.parent().map(Path::to_owned).unwrap_or_default(), text);
        Ok(Self { is_of_app: named.is_none(), ..file })
    }

    /// Returns a file with this text, located in `dir`.
    pub(crate) fn of(shown: String, dir: PathBuf, text: String) -> Self {
        let source = Arc::new(Source { file: shown, text: secret::masked_text(&text) });
        Self { source, dir, is_of_app: false, text }
    }

    /// Returns an empty file.
    pub(crate) fn none() -> Self {
        Self::of(String::new(), PathBuf::new(), String::new())
    }

    /// Returns the file's inputs, by the names of keys.
    pub(crate) fn given(&self, reader: &mut Reader) -> BTreeMap<&'static str, Input> {
        let mut given = BTreeMap::new();
        for entry in syntax::parse(&self.text, &self.source, reader.in_file()) {
            match (keys::sections().find(|section| *section == entry.name), entry.node.value) {
                (Some(section), RawValue::Table(inner)) => {
                    for entry in inner {
                        self.take(entry, Some(section), &mut given, reader);
                    }
                }
                (Some(section), _) => {
                    let help = format!("write `[{section}]` on a line of its own, and its keys below it");
                    reader.in_file().error(entry.node.span, format!("`{section}` must be a table"), help);
                }
                (None, value) => {
                    let node = Node { value, ..entry.node };
                    self.take(Entry { node, ..entry }, None, &mut given, reader);
                }
            }
        }
        given
    }

    fn take(
        &self,
        entry: Entry,
        section: Option<&str>,
        given: &mut BTreeMap<&'static str, Input>,
        reader: &mut Reader,
    ) {
        let known = keys::ALL.iter().find(|key| key.section() == section && key.leaf() == entry.name);
        match known {
            None if section.is_none() && entry.name == TENANT => {
                if self.is_of_app {
                    return operator::reject_tenants(&entry, reader);
                }
                given.insert(TENANT, Input { origin: Origin::File, node: entry.node, applies: true });
            }
            None if section.is_none() && entry.name == GRANTS => {
                if self.is_of_app {
                    return operator::reject_grants(&entry, reader);
                }
                given.insert(GRANTS, Input { origin: Origin::File, node: entry.node, applies: true });
            }
            None => unknown(&entry, section, reader),
            Some(key) if self.is_of_app && operator::is_operator_only(key) => operator::reject(key, &entry, reader),
            Some(key) => {
                given.insert(key.name, Input { origin: Origin::File, node: entry.node, applies: true });
            }
        }
    }
}

fn unknown(entry: &Entry, section: Option<&str>, reader: &mut Reader) {
    let problems = reader.in_file();
    // Otherwise a file full of names would have each of them compared with every key.
    if problems.is_full() {
        return problems.suppress();
    }
    let (message, help) = match section {
        None => (format!("unknown key `{}`", truncated(&entry.name)), advice(&entry.name, None)),
        Some(section) => {
            (format!("unknown key `{}` in `{section}`", truncated(&entry.name)), advice(&entry.name, Some(section)))
        }
    };
    problems.error(entry.name_span, message, help);
}

/// Returns advice for the unknown key `name`: the key that its author may have meant.
fn advice(name: &str, section: Option<&str>) -> String {
    let full = section.map_or_else(|| name.to_owned(), |section| format!("{section}.{name}"));
    let is_meant = |key: &&Key| key.aliases.contains(&name) || key.aliases.contains(&full.as_str());
    if let Some(key) = keys::ALL.iter().find(is_meant) {
        return format!("write {}", key.with_section());
    }
    if let Some(key) = keys::ALL.iter().find(|key| key.leaf() == name || key.name == name) {
        return format!("write it {}", key.section_text());
    }
    let here = || keys::ALL.iter().filter(|key| key.section() == section);
    let sections = keys::sections().filter(|_| section.is_none());
    let tables = [TENANT, GRANTS].into_iter().filter(move |_| section.is_none());
    if let Some(nearest) = nearest(name, here().map(Key::leaf).chain(sections.clone()).chain(tables.clone())) {
        return format!("did you mean `{nearest}`?");
    }
    let elsewhere =
        nearest(name, keys::ALL.iter().map(Key::leaf)).or_else(|| nearest(name, keys::ALL.iter().map(|key| key.name)));
    if let Some(key) = keys::ALL.iter().find(|key| Some(key.leaf()) == elsewhere || Some(key.name) == elsewhere) {
        return format!("did you mean {}?", key.with_section());
    }
    let names = here().map(Key::leaf).chain(sections).chain(tables).map(|name| format!("`{name}`")).collect::<Vec<_>>();
    format!("valid keys are {}", names.join(", "))
}

/// Reads at most one byte more than the limit. A file that the operator names may be a pipe. The app's own file may
/// not, because reading from a pipe without a writer would block forever.
fn read(path: &Path, is_named: bool) -> io::Result<Vec<u8>> {
    if !is_named && !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns whether the file does not exist. The code that loads the app reports an app that is not a directory.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn unreadable(shown: &str, path: &Path, error: &io::Error) -> Diagnostic {
    let (message, help) = if is_absent(error) {
        let help = "name an existing file, or remove `--config` and SAGGAR_CONFIG to use APP/saggar.toml";
        ("no such file".to_owned(), help)
    } else if !path.is_file() {
        let help = "put a regular file there, or name another with `--config FILE`";
        ("not a regular file".to_owned(), help)
    } else {
        (format!("cannot read the file: {error}"), "make the file readable for this user")
    };
    Diagnostic::error(Location::file(shown), message).with_help(help)
}

/// Masks secrets in a problem of the encoding. Omits the line if the position is inside a secret.
fn undecodable(shown: &str, bytes: &[u8], problem: Diagnostic) -> Diagnostic {
    match utf8_text(shown, &secret::masked(bytes)) {
        Err(masked) => masked,
        Ok(_) => Diagnostic { location: Location::file(shown), ..problem },
    }
}
