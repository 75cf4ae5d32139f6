//! Names of environment variables, as patterns.

use saggar::EnvAllow;
use serde_json::{Value, json};

use super::super::given::{Node, Written};
use super::{Form, Reader, Slot};

/// Names with `*` in them: a list, or a text with commas between them.
pub(crate) struct VariableNames;

impl Form for VariableNames {
    type Value = EnvAllow;

    fn wanted(&self) -> String {
        "a list of names of letters, digits, `_` and `*`, or a text with commas between them".to_owned()
    }

    fn example(&self) -> &'static str {
        "[\"SAGGAR_APP_*\", \"REGION\"]"
    }

    fn fallback(&self) -> EnvAllow {
        EnvAllow::new([EnvAllow::DEFAULT.to_owned()]).unwrap_or_else(EnvAllow::all)
    }

    fn read(&self, slot: &Slot<'_>, reader: &mut Reader) -> Option<EnvAllow> {
        let pieces;
        let nodes: &[Node] = match &slot.node.value {
            // Nothing at all is no name: an operator who allows none.
            Written::Text(text) if text.trim().is_empty() => &[],
            Written::Text(_) => {
                pieces = slot.node.pieces(',', usize::MAX);
                &pieces
            }
            Written::List(items) => items,
            _ => return reader.refuse(self, slot),
        };
        let names: Option<Vec<String>> = nodes
            .iter()
            .map(|node| match &node.value {
                Written::Text(text) => Some(text.clone()),
                _ => None,
            })
            .collect();
        match names.and_then(EnvAllow::new) {
            Some(allow) => Some(allow),
            None => reader.refuse(self, slot),
        }
    }

    fn shown(&self, value: &EnvAllow) -> Value {
        json!(value.patterns().join(","))
    }
}
