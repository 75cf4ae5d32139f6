//! `sandbox.dirs`: the directories that a task requests. The operator decides what is granted.

use schemars::{Schema, json_schema};

use crate::key::Key;
use crate::parts::DirRequest;
use crate::raw::RawObject;
use crate::source::Located;
use crate::value::{Bool, DIR_NAME, Field, Form, Keys, List, Reader, ValueType, object_schema};

/// Directories, each a name or an object.
#[derive(Clone, Copy)]
pub(crate) struct Dirs;

/// One entry of the list.
#[derive(Clone, Copy)]
struct Dir;

const LIST: List<Dir> = List { item: Dir, items: "directories", min: 0 };

/// The keys of a directory as an object.
const KEYS: Keys = &[&NAME, &WRITE];

const NAME: Key<Form<String>> =
    Key::new("name", DIR_NAME, "The name under which the operator grants it; its files are below `/NAME`.")
        .required()
        .or(&["path", "dir"]);
const WRITE: Key<Bool> = Key::new("write", Bool, "Whether files in it may be changed.");

impl ValueType for Dirs {
    type Value = Vec<Located<DirRequest>>;

    fn expected(&self) -> String {
        LIST.expected()
    }

    fn example(&self) -> String {
        r#"["data", {"name": "out", "write": true}]"#.to_owned()
    }

    fn default(&self) -> Self::Value {
        Vec::new()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Self::Value> {
        let dirs = LIST.parse(field, reader)?;
        for (at, dir) in dirs.iter().enumerate() {
            if dirs.iter().take(at).any(|other| other.value.name == dir.value.name) {
                // Without the name, which may come from the environment.
                let message = format!("`{}` has this directory twice", field.path);
                reader.problems.error(dir.span, message, "keep one of them; with `write` it can be read as well");
            }
        }
        Some(dirs)
    }

    fn written(&self, value: &Self::Value) -> Option<serde_json::Value> {
        LIST.written(value)
    }

    fn schema(&self) -> Schema {
        LIST.schema()
    }

    fn keys(&self) -> Keys {
        KEYS
    }
}

impl ValueType for Dir {
    type Value = Option<DirRequest>;

    fn expected(&self) -> String {
        "the name of a directory, or an object with `name` and `write`".to_owned()
    }

    fn example(&self) -> String {
        r#"{"name": "data", "write": true}"#.to_owned()
    }

    fn default(&self) -> Option<DirRequest> {
        None
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Option<DirRequest>> {
        if field.value.as_string_lit().is_some() {
            let name = NAME.ty.parse(field, reader)?;
            return Some(name.map(|name| DirRequest { name, write: false }));
        }
        let raw = RawObject::open(self, field, reader)?;
        let name = raw.read(&NAME, reader);
        let write = raw.read(&WRITE, reader);
        Some(name.map(|name| DirRequest { name, write }))
    }

    fn written(&self, value: &Option<DirRequest>) -> Option<serde_json::Value> {
        value.as_ref().map(written_dir)
    }

    fn schema(&self) -> Schema {
        json_schema!({ "anyOf": [NAME.ty.schema(), object_schema(KEYS)] })
    }

    fn keys(&self) -> Keys {
        KEYS
    }
}

/// Returns the directory as an author would write it: the name alone if it is only read.
fn written_dir(dir: &DirRequest) -> serde_json::Value {
    match dir.write {
        true => serde_json::json!({ "name": dir.name, "write": true }),
        false => dir.name.as_str().into(),
    }
}
