//! Places on this machine: the store and the directory of compiled components.

use std::path::PathBuf;

use saggar::{Durability, StoreChoice};
use serde_json::{Value, json};

use super::{Form, Reader, Slot};

/// Where jobs live.
pub(crate) struct StorePlace;

/// A directory, or nothing said.
pub(crate) struct CacheDir;

impl Form for StorePlace {
    type Value = StoreChoice;

    fn wanted(&self) -> String {
        "\"memory\", \"sqlite\", or \"sqlite:\" and a path".to_owned()
    }

    fn example(&self) -> &'static str {
        "\"sqlite:/var/lib/saggar/jobs.db\""
    }

    fn fallback(&self) -> StoreChoice {
        StoreChoice::Sqlite { path: None, durability: Durability::Full }
    }

    fn read(&self, slot: &Slot<'_>, reader: &mut Reader) -> Option<StoreChoice> {
        match reader.text(self, slot)?.parse() {
            Ok(StoreChoice::Sqlite { path: Some(path), durability }) => {
                Some(StoreChoice::Sqlite { path: Some(reader.base.join(path)), durability })
            }
            Ok(store) => Some(store),
            Err(_) => reader.refuse(self, slot),
        }
    }

    fn shown(&self, value: &StoreChoice) -> Value {
        match value {
            StoreChoice::Memory => json!("memory"),
            StoreChoice::Sqlite { path: None, .. } => json!("sqlite"),
            StoreChoice::Sqlite { path: Some(path), .. } => json!(format!("sqlite:{}", path.display())),
        }
    }
}

impl Form for CacheDir {
    type Value = Option<PathBuf>;

    fn wanted(&self) -> String {
        "the path of a directory".to_owned()
    }

    fn example(&self) -> &'static str {
        "\"/var/cache/saggar\""
    }

    fn fallback(&self) -> Option<PathBuf> {
        None
    }

    fn read(&self, slot: &Slot<'_>, reader: &mut Reader) -> Option<Option<PathBuf>> {
        match reader.text(self, slot)? {
            path if path.trim().is_empty() || path.contains('\0') => reader.refuse(self, slot),
            path => Some(Some(reader.base.join(path))),
        }
    }

    fn shown(&self, value: &Option<PathBuf>) -> Value {
        json!(value.as_ref().map(|path| path.display().to_string()))
    }

    fn default_text(&self) -> String {
        "the user's cache directory".to_owned()
    }
}
