//! Patterns of names of environment variables.

use saggar::EnvAllow;
use serde_json::{Value, json};

use super::super::input::{Node, RawValue};
use super::{Field, Reader, ValueType};

/// Names that may contain `*`: a list, or comma-separated text.
pub(crate) struct EnvNames;

impl ValueType for EnvNames {
    type Value = EnvAllow;

    fn expected(&self) -> String {
        "a list or comma-separated text of names of letters, digits, `_` and `*`".to_owned()
    }

    fn example(&self) -> &'static str {
        "[\"SAGGAR_APP_*\", \"REGION\"]"
    }

    fn default(&self) -> EnvAllow {
        EnvAllow::new([EnvAllow::DEFAULT.to_owned()]).unwrap_or_else(EnvAllow::all)
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader) -> Option<EnvAllow> {
        let pieces;
        let nodes: &[Node] = match &field.node.value {
            // The empty text allows no variables.
            RawValue::Text(text) if text.trim().is_empty() => &[],
            RawValue::Text(_) => {
                pieces = field.node.pieces(',', usize::MAX);
                &pieces
            }
            RawValue::List(items) => items,
            _ => return reader.reject(self, field),
        };
        let names: Option<Vec<String>> = nodes
            .iter()
            .map(|node| match &node.value {
                RawValue::Text(text) => Some(text.clone()),
                _ => None,
            })
            .collect();
        match names.and_then(EnvAllow::new) {
            Some(allow) => Some(allow),
            None => reader.reject(self, field),
        }
    }

    fn to_json(&self, value: &EnvAllow) -> Value {
        json!(value.patterns().join(","))
    }
}
