//! Which attempts are recorded.

use saggar_grant::RecordPolicy;
use schemars::{Schema, json_schema};

use super::number::number;
use super::{Choice, Field, Reader, ValueType};

/// A word, or the share of attempts.
#[derive(Clone, Copy)]
pub(crate) struct Record;

const WORDS: Choice<RecordPolicy> =
    Choice(&[("failures", RecordPolicy::Failures), ("all", RecordPolicy::All), ("off", RecordPolicy::Off)]);

impl ValueType for Record {
    type Value = RecordPolicy;

    fn expected(&self) -> String {
        format!("{}, or a number from 0 to 1", WORDS.expected())
    }

    fn default(&self) -> RecordPolicy {
        WORDS.default()
    }

    fn default_text(&self) -> Option<String> {
        WORDS.default_text()
    }

    fn example(&self) -> String {
        "0.01".to_owned()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<RecordPolicy> {
        let text = reader.scalar(self, field)?.into_text();
        let word = WORDS.value(&text);
        let share = || number(&text).filter(|share| (0.0..=1.0).contains(share)).map(RecordPolicy::share);
        word.or_else(share).or_else(|| reader.reject(self, field))
    }

    fn written(&self, value: &RecordPolicy) -> Option<serde_json::Value> {
        WORDS.written(value).or_else(|| Some(value.as_share().into()))
    }

    fn schema(&self) -> Schema {
        json_schema!({ "anyOf": [WORDS.schema(), { "type": "number", "minimum": 0, "maximum": 1 }] })
    }
}
