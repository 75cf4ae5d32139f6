//! Path values: the store, and the directory of compiled components.

use std::path::PathBuf;

use saggar::{Durability, StoreChoice};
use serde_json::{Value, json};

use super::{Field, Reader, ValueType};

/// The store of jobs.
pub(crate) struct StoreLocation;

/// A directory, or none.
pub(crate) struct CacheDir;

impl ValueType for StoreLocation {
    type Value = StoreChoice;

    fn expected(&self) -> String {
        "\"memory\", \"sqlite\" or \"sqlite:PATH\"".to_owned()
    }

    fn example(&self) -> &'static str {
        "\"sqlite:/var/lib/saggar/jobs.db\""
    }

    fn default(&self) -> StoreChoice {
        StoreChoice::Sqlite { path: None, durability: Durability::Full }
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader) -> Option<StoreChoice> {
        match reader.text(self, field)?.parse() {
            Ok(StoreChoice::Sqlite { path: Some(path), durability }) => {
                Some(StoreChoice::Sqlite { path: Some(reader.base.join(path)), durability })
            }
            Ok(store) => Some(store),
            Err(_) => reader.reject(self, field),
        }
    }

    fn to_json(&self, value: &StoreChoice) -> Value {
        match value {
            StoreChoice::Memory => json!("memory"),
            StoreChoice::Sqlite { path: None, .. } => json!("sqlite"),
            StoreChoice::Sqlite { path: Some(path), .. } => json!(format!("sqlite:{}", path.display())),
        }
    }
}

impl ValueType for CacheDir {
    type Value = Option<PathBuf>;

    fn expected(&self) -> String {
        "the path of a directory".to_owned()
    }

    fn example(&self) -> &'static str {
        "\"/var/cache/saggar\""
    }

    fn default(&self) -> Option<PathBuf> {
        None
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader) -> Option<Option<PathBuf>> {
        match reader.text(self, field)? {
            path if path.trim().is_empty() || path.contains('\0') => reader.reject(self, field),
            path => Some(Some(reader.base.join(path))),
        }
    }

    fn to_json(&self, value: &Option<PathBuf>) -> Value {
        json!(value.as_ref().map(|path| path.display().to_string()))
    }

    fn default_text(&self) -> String {
        "the user's cache directory".to_owned()
    }
}
