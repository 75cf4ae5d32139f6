//! `attempt_after`: a number, or an object that says how the delay grows.

use saggar_job::{Backoff, RetryPolicy};
use schemars::{Schema, json_schema};

use crate::key::Key;
use crate::raw::RawObject;
use crate::value::{Choice, Field, Fraction, Integer, Keys, Reader, ValueType, object_schema, written_object};

/// The value of `attempt_after`.
#[derive(Clone, Copy)]
pub(crate) struct RetryDelay;

/// The keys of `attempt_after` as an object.
const KEYS: Keys = &[&DELAY, &BACKOFF, &MAX, &JITTER];

const MAX_DELAY: u64 = RetryPolicy::LONGEST_DELAY_MS;

const DELAY: Key<Integer> = Key::new(
    "delay",
    Integer { min: 0, max: MAX_DELAY, default: 200, unit: Some("milliseconds") },
    "Milliseconds before the first retry.",
);

const BACKOFF: Key<Choice<Backoff>> = Key::new(
    "backoff",
    Choice(&[("fixed", Backoff::Fixed), ("linear", Backoff::Linear), ("exponential", Backoff::Exponential)]),
    "How the delay grows: fixed keeps it, linear multiplies it by the number of failed attempts, exponential doubles it.",
)
.or(&["type", "strategy"]);

const MAX: Key<Integer> = Key::new(
    "max",
    Integer { min: 0, max: MAX_DELAY, default: MAX_DELAY, unit: Some("milliseconds") },
    "The longest delay in milliseconds.",
)
.or(&["max_delay", "limit"]);

const JITTER: Key<Fraction> = Key::new(
    "jitter",
    Fraction,
    "The fraction of a delay, from 0 to 1, that is random, so that jobs which failed together do not retry \
     together.",
)
.or(&["random"]);

impl ValueType for RetryDelay {
    type Value = RetryPolicy;

    fn expected(&self) -> String {
        format!("{}, or an object", DELAY.ty.expected())
    }

    fn example(&self) -> String {
        r#"{"delay": 200, "backoff": "exponential"}"#.to_owned()
    }

    fn default(&self) -> RetryPolicy {
        RetryPolicy { delay_ms: DELAY.ty.default(), ..RetryPolicy::default() }
    }

    fn default_text(&self) -> Option<String> {
        DELAY.ty.default_text()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<RetryPolicy> {
        if field.value.as_object().is_some() {
            let raw = RawObject::open(self, field, reader)?;
            return policy(&raw, field, reader);
        }
        if field.value.as_number_lit().is_none() && field.value.as_string_lit().is_none() {
            return reader.reject(self, field);
        }
        let delay_ms = DELAY.ty.parse(field, reader)?;
        Some(RetryPolicy { delay_ms, ..RetryPolicy::default() })
    }

    fn written(&self, value: &RetryPolicy) -> Option<serde_json::Value> {
        written_object([
            DELAY.written(&value.delay_ms),
            BACKOFF.written(&value.backoff),
            MAX.written(&value.max_delay_ms),
            JITTER.written(&value.jitter),
        ])
    }

    fn schema(&self) -> Schema {
        json_schema!({ "anyOf": [DELAY.ty.schema(), object_schema(KEYS)] })
    }

    fn keys(&self) -> Keys {
        KEYS
    }
}

fn policy(raw: &RawObject<'_>, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<RetryPolicy> {
    let policy = RetryPolicy {
        retries: 0,
        delay_ms: raw.read(&DELAY, reader),
        backoff: raw.read(&BACKOFF, reader),
        max_delay_ms: raw.read(&MAX, reader),
        jitter: raw.read(&JITTER, reader),
    };
    let max_span = raw.span_of(&MAX).filter(|_| policy.max_delay_ms < policy.delay_ms);
    if let Some(span) = max_span {
        let message = format!("`{}.max` is shorter than the delay, which is {} ms", field.path, policy.delay_ms);
        reader.problems.error(span, message, "write at least the delay, or remove it to have no limit");
    }
    Some(policy)
}
