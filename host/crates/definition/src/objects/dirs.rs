//! `sandbox.dirs`: the directories that a task requests. The operator decides what is granted.

use schemars::{Schema, json_schema};

use crate::key::Key;
use crate::parts::DirRequest;
use crate::raw::RawObject;
use crate::source::Located;
use crate::value::{
    Bool, DirPath, Field, Keys, MAX_LIST_LEN, Reader, ValueType, list_schema, object_schema, read_list, written_list,
};

/// Directories, each a path or an object.
#[derive(Clone, Copy)]
pub(crate) struct Dirs;

/// One entry of the list.
struct Dir;

/// The keys of a directory as an object.
const KEYS: Keys = &[&PATH, &WRITE];

const PATH: Key<DirPath> = Key::new("path", DirPath, "The directory.").required();
const WRITE: Key<Bool> = Key::new("write", Bool, "Whether files in it may be changed.");

impl ValueType for Dirs {
    type Value = Vec<Located<DirRequest>>;

    fn expected(&self) -> String {
        format!("a list of at most {MAX_LIST_LEN} directories")
    }

    fn example(&self) -> String {
        r#"["data", {"path": "out", "write": true}]"#.to_owned()
    }

    fn default(&self) -> Self::Value {
        Vec::new()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Self::Value> {
        read_list(self, &Dir, field, reader)
    }

    fn written(&self, value: &Self::Value) -> Option<serde_json::Value> {
        written_list(&Dir, value)
    }

    fn schema(&self) -> Schema {
        list_schema(&Dir)
    }

    fn keys(&self) -> Keys {
        KEYS
    }
}

impl ValueType for Dir {
    type Value = Option<DirRequest>;

    fn expected(&self) -> String {
        "a path, or an object with `path` and `write`".to_owned()
    }

    fn example(&self) -> String {
        r#"{"path": "data", "write": true}"#.to_owned()
    }

    fn default(&self) -> Option<DirRequest> {
        None
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Option<DirRequest>> {
        if field.value.as_string_lit().is_some() {
            let path = PATH.ty.parse(field, reader)?;
            return Some(path.map(|path| DirRequest { path, write: false }));
        }
        let raw = RawObject::open(self, field, reader)?;
        let path = raw.read(&PATH, reader);
        let write = raw.read(&WRITE, reader);
        Some(path.map(|path| DirRequest { path, write }))
    }

    fn written(&self, value: &Option<DirRequest>) -> Option<serde_json::Value> {
        value.as_ref().map(written_dir)
    }

    fn schema(&self) -> Schema {
        json_schema!({ "anyOf": [PATH.ty.schema(), object_schema(KEYS)] })
    }

    fn keys(&self) -> Keys {
        KEYS
    }
}

/// Returns the directory as an author would write it: the path alone if it is only read.
fn written_dir(dir: &DirRequest) -> serde_json::Value {
    match dir.write {
        true => serde_json::json!({ "path": dir.path, "write": true }),
        false => dir.path.as_str().into(),
    }
}
