//! What the operator grants to the tasks of an app: the table `grants`, of the host or of a tenant.

mod http;
mod signing;

use std::path::PathBuf;

use saggar::grant::{Access, DirGrant, Grants, JobAccess, KvGrant, is_dir_name};
use saggar::grants_document;
use serde_json::Value;

use super::super::input::Node;
use super::table::{KnownTable, read_named};
use super::words::{Word, WordList};
use super::{Bytes, Choice, Count, Field, Reader, ValueType};

/// The key of the grants of a host with one app.
pub(crate) const GRANTS: &str = "grants";

/// The keys of the table.
const KEYS: [&str; 7] = ["http", "secrets", "kv", "env", "dirs", "scratch", "tasks"];

/// The grants of an app.
pub(crate) struct GrantsTable {
    default: fn() -> Grants,
    tasks: Choice<JobAccess>,
}

/// Up to what no machine has.
const MAX_BYTES: usize = 1 << 50;

const KV_BYTES: Bytes = Bytes { min: 0, max: MAX_BYTES, default: KvGrant::DEFAULT_BYTES as usize };
const KV_KEYS: Count = Count { min: 0, max: 1_000_000_000, default: KvGrant::DEFAULT_KEYS as usize };
const DIR_BYTES: Bytes = Bytes { min: 0, max: MAX_BYTES, default: DirGrant::DEFAULT_BYTES as usize };
const DIR_FILES: Count = Count { min: 0, max: 1_000_000_000, default: DirGrant::DEFAULT_FILES as usize };

// The smallest scratch directory that a task can request.
const SCRATCH: Bytes = Bytes { min: 4 << 10, max: MAX_BYTES, default: 64 << 20 };

/// A store that is only read would stay empty.
const KV_ACCESS: Choice<Access> = Choice(&[("write", Access::Write), ("read", Access::Read)]);
const DIR_ACCESS: Choice<Access> = Choice(&[("read", Access::Read), ("write", Access::Write)]);

const ENV: WordList<String> = WordList {
    words: "names of environment variables",
    example: "[\"REGION\"]",
    is_required: false,
    parse: variable_name,
};

/// A path that is relative to the file.
const PATH: Word<PathBuf> =
    Word { expected: "the path of a directory", example: "\"/srv/data\"", parse: |text| path(text, "\"/srv/data\"") };

impl GrantsTable {
    /// Of a host with one app.
    pub(crate) const OF_APP: Self =
        Self { default: Grants::of_single_app, tasks: Choice(&[("all", JobAccess::All), ("added", JobAccess::Added)]) };

    /// Of a tenant.
    pub(crate) const OF_TENANT: Self =
        Self { default: Grants::of_tenant, tasks: Choice(&[("added", JobAccess::Added), ("all", JobAccess::All)]) };
}

impl ValueType for GrantsTable {
    type Value = Grants;

    fn expected(&self) -> String {
        "a table".to_owned()
    }

    fn example(&self) -> &'static str {
        "env = [\"REGION\"]"
    }

    fn default(&self) -> Grants {
        (self.default)()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader) -> Option<Grants> {
        let mut table = KnownTable::open(field.node, field.name, &KEYS, reader)?;
        let default = self.default();
        let grants = Grants {
            http: table.read("http", reader, http::read_http),
            secrets: table.read("secrets", reader, http::read_secrets).unwrap_or_default(),
            kv: table.read("kv", reader, read_kv),
            env: table.value("env", &ENV, reader).unwrap_or_default(),
            dirs: table.read("dirs", reader, read_dirs).unwrap_or_default(),
            scratch: table.read("scratch", reader, read_scratch),
            tasks: table.value("tasks", &self.tasks, reader).unwrap_or(default.tasks),
        };
        table.finish(grants)
    }

    fn to_json(&self, value: &Grants) -> Value {
        grants_document(value)
    }
}

fn read_kv(node: &Node, path: &str, reader: &mut Reader) -> Option<KvGrant> {
    let mut table = KnownTable::open(node, path, &["access", "bytes", "keys"], reader)?;
    let access = table.value("access", &KV_ACCESS, reader).unwrap_or(Access::Write);
    let bytes = table.value("bytes", &KV_BYTES, reader).map_or(KvGrant::DEFAULT_BYTES, |bytes| bytes as u64);
    let keys = table.value("keys", &KV_KEYS, reader).map_or(KvGrant::DEFAULT_KEYS, |keys| keys as u64);
    table.finish(KvGrant { access, max_bytes: bytes, max_keys: keys })
}

fn read_dirs(node: &Node, path: &str, reader: &mut Reader) -> Option<Vec<DirGrant>> {
    let name_help = "a name has at most 64 lower-case letters, digits, `-` and `_`, and is not `scratch`";
    read_named(node, path, is_dir_name, name_help, reader, read_dir)
}

fn read_dir(name: &str, node: &Node, path: &str, reader: &mut Reader) -> Option<DirGrant> {
    let mut table = KnownTable::open(node, path, &["path", "access", "bytes", "files"], reader)?;
    let dir = table.required("path", &PATH, reader).flatten().map(|path| reader.base.join(path));
    let access = table.value("access", &DIR_ACCESS, reader).unwrap_or(Access::Read);
    let bytes = table.value("bytes", &DIR_BYTES, reader).map_or(DirGrant::DEFAULT_BYTES, |bytes| bytes as u64);
    let files = table.value("files", &DIR_FILES, reader).map_or(DirGrant::DEFAULT_FILES, |files| files as u64);
    let path = dir.unwrap_or_default();
    table.finish(DirGrant { name: name.to_owned(), path, access, max_bytes: bytes, max_files: files })
}

fn read_scratch(node: &Node, name: &str, reader: &mut Reader) -> Option<u64> {
    reader.scope_default = Some("no directory".to_owned());
    let bytes = SCRATCH.parse(&Field { name, node }, reader);
    reader.scope_default = None;
    bytes.map(|bytes| bytes as u64)
}

/// Parses the name of an environment variable.
fn variable_name(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| text.to_owned()).ok_or_else(|| "write a name of letters, digits and `_`, without `*`".to_owned())
}

/// Parses a path.
fn path(text: &str, example: &str) -> Result<PathBuf, String> {
    let is_path = !text.trim().is_empty() && !text.contains('\0');
    is_path.then(|| text.into()).ok_or_else(|| format!("write for example `{example}`; it is relative to this file"))
}
