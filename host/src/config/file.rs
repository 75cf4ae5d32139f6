//! The file: finding it, reading it, and which of its keys stand where. Owns unknown keys and what they were meant to be.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use saggar_definition::{Diagnostic, Location, Source, nearest, truncated, utf8_text};

use super::input::{Entry, Input, Node, Origin, RawValue};
use super::keys::{self, Key};
use super::value::Reader;
use super::{operator, secret, syntax};

/// The file's name next to an app.
const NAME: &str = "saggar.toml";

/// Bytes of the largest file: a thousand tokens need an eighth. A larger one was named by mistake.
const MAX_BYTES: u64 = 1 << 20;

/// Keys that will have a meaning.
const RESERVED: [&str; 2] = ["tenant", "tenants"];

/// The configuration file as it was read.
pub(crate) struct ConfigFile {
    /// The text for showing, secrets masked.
    pub(crate) source: Arc<Source>,
    /// Where its relative paths begin.
    pub(crate) dir: PathBuf,
    /// Whether it is the app's own, and not one that the operator has named.
    pub(crate) is_of_app: bool,
    text: String,
}

impl ConfigFile {
    /// The file that is `named`, or else the one of the app if there is one; an empty one otherwise.
    pub(crate) fn find(app: &Path, named: Option<&Path>) -> Result<Self, Diagnostic> {
        let path = named.map_or_else(|| app.join(NAME), Path::to_owned);
        let shown = path.to_string_lossy().into_owned();
        let bytes = match read(&path, named.is_some()) {
            Ok(bytes) => bytes,
            Err(error) if named.is_none() && is_absent(&error) => Vec::new(),
            Err(error) => return Err(unreadable(&shown, &path, &error)),
        };
        if bytes.len() as u64 > MAX_BYTES {
            let problem = Diagnostic::error(Location::file(shown), "this file is larger than 1 MiB");
            return Err(problem.with_help("is it the configuration? Name another with `--config FILE`"));
        }
        let text = match utf8_text(&shown, &bytes) {
            Ok(text) => text,
            Err(problem) => return Err(undecodable(&shown, &bytes, problem)),
        };
        let file = Self::of(shown, path.parent().map(Path::to_owned).unwrap_or_default(), text);
        Ok(Self { is_of_app: named.is_none(), ..file })
    }

    /// A file with this text, which lies in `dir`.
    pub(crate) fn of(shown: String, dir: PathBuf, text: String) -> Self {
        let source = Arc::new(Source { file: shown, text: secret::masked_text(&text) });
        Self { source, dir, is_of_app: false, text }
    }

    /// No file.
    pub(crate) fn none() -> Self {
        Self::of(String::new(), PathBuf::new(), String::new())
    }

    /// What it gives, by the names of keys.
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
    // A name that fills a file would be compared with every key.
    if problems.is_full() {
        return problems.suppress();
    }
    let (message, help) = match section {
        None if RESERVED.contains(&entry.name.as_str()) => (
            "several tenants on one host are not there yet; `tenant` is kept free for them".to_owned(),
            "remove it; a host serves the one app that `saggar serve APP` names".to_owned(),
        ),
        None => (format!("unknown key `{}`", truncated(&entry.name)), advice(&entry.name, None)),
        Some(section) => {
            (format!("unknown key `{}` in `{section}`", truncated(&entry.name)), advice(&entry.name, Some(section)))
        }
    };
    problems.error(entry.name_span, message, help);
}

/// What somebody may have meant who wrote `name` there.
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
    if let Some(nearest) = nearest(name, here().map(Key::leaf).chain(sections.clone())) {
        return format!("did you mean `{nearest}`?");
    }
    let elsewhere =
        nearest(name, keys::ALL.iter().map(Key::leaf)).or_else(|| nearest(name, keys::ALL.iter().map(|key| key.name)));
    if let Some(key) = keys::ALL.iter().find(|key| Some(key.leaf()) == elsewhere || Some(key.name) == elsewhere) {
        return format!("did you mean {}?", key.with_section());
    }
    let names = here().map(Key::leaf).chain(sections).map(|name| format!("`{name}`")).collect::<Vec<_>>();
    format!("the keys here are {}", names.join(", "))
}

/// At most one byte more than is allowed. What is named may be a pipe; what merely lies there may not, for nobody may ever
/// write into it.
fn read(path: &Path, is_named: bool) -> io::Result<Vec<u8>> {
    if !is_named && !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not an ordinary file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether there is no such file; an app that is no directory is told of by whoever loads it.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn unreadable(shown: &str, path: &Path, error: &io::Error) -> Diagnostic {
    let (message, help) = if is_absent(error) {
        let help = "name a file that is there, or leave `--config` and SAGGAR_CONFIG out to have APP/saggar.toml";
        ("there is no such file".to_owned(), help)
    } else if !path.is_file() {
        let help = "put an ordinary file there, or name another with `--config FILE`";
        ("this is not an ordinary file".to_owned(), help)
    } else {
        (format!("this cannot be read: {error}"), "let this user read the file")
    };
    Diagnostic::error(Location::file(shown), message).with_help(help)
}

/// The problem with secrets masked. If they are where the problem is, its line is not shown at all.
fn undecodable(shown: &str, bytes: &[u8], problem: Diagnostic) -> Diagnostic {
    match utf8_text(shown, &secret::masked(bytes)) {
        Err(masked) => masked,
        Ok(_) => Diagnostic { location: Location::file(shown), ..problem },
    }
}
