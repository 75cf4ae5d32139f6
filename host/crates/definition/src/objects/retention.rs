//! `retention`: how long an ended job can be looked up.

use std::time::Duration;

use schemars::Schema;

use crate::key::Key;
use crate::parts::Retention;
use crate::raw::RawObject;
use crate::value::{Field, Keys, Period, Reader, ValueType, object_schema, written_object};

/// The value of `retention`.
#[derive(Clone, Copy)]
pub(crate) struct RetentionPeriods;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The keys of `retention`.
const KEYS: Keys = &[&SUCCESS, &FAILURE];

// With less than a second, a client could not look up the result; more than ten years is an archive.
const MIN: Duration = Duration::from_secs(1);
const MAX: Duration = Duration::from_secs(3650 * DAY.as_secs());

const SUCCESS: Key<Period> = Key::new(
    "success",
    Period { min: MIN, max: MAX, default: Duration::from_secs(24 * 60 * 60) },
    "After SUCCESS: a number of seconds, or text such as \"90s\", \"15m\", \"24h\" or \"7d\".",
);
const FAILURE: Key<Period> = Key::new(
    "failure",
    Period { min: MIN, max: MAX, default: Duration::from_secs(7 * DAY.as_secs()) },
    "After FAILURE: a number of seconds, or text such as \"90s\", \"15m\", \"24h\" or \"7d\".",
)
.or(&["error"]);

impl ValueType for RetentionPeriods {
    type Value = Retention;

    fn expected(&self) -> String {
        "an object".to_owned()
    }

    fn example(&self) -> String {
        r#"{"success": "24h", "failure": "7d"}"#.to_owned()
    }

    fn default(&self) -> Retention {
        Retention::default()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Retention> {
        let raw = RawObject::open(self, field, reader)?;
        Some(Retention { success: raw.read(&SUCCESS, reader), failure: raw.read(&FAILURE, reader) })
    }

    fn written(&self, value: &Retention) -> Option<serde_json::Value> {
        written_object([SUCCESS.written(&value.success), FAILURE.written(&value.failure)])
    }

    fn schema(&self) -> Schema {
        object_schema(KEYS)
    }

    fn keys(&self) -> Keys {
        KEYS
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { success: SUCCESS.ty.default, failure: FAILURE.ty.default }
    }
}
