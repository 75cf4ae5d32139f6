//! The options of a job to add: what HTTP clients and guests may specify besides the arguments, and which of it is
//! valid. Both use this module, so that an option means the same for both.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::{NewJob, UniqueBy, fingerprint, rfc3339};

/// The most characters of a key: room for a UUID or two.
pub const MAX_KEY: usize = 255;

/// The rule for keys, for error messages.
pub const KEY_RULE: &str = "a key has 1 to 255 printable ASCII characters and neither begins nor ends with a space";

/// The most positions of arguments by which a job is unique.
const MAX_POSITIONS: usize = 100;

/// Arguments of up to this many bytes are fingerprinted at once, in a fraction of a millisecond.
const SMALL: usize = 64 << 10;

/// The most bytes of a guest's options: a key, some positions and some numbers.
const MAX_TEXT: usize = 16 << 10;

/// The options as given. All are optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddOptions {
    /// See [`NewJob::key`].
    pub key: Option<String>,
    /// See [`NewJob::unique`].
    pub unique: Option<Unique>,
    /// See [`NewJob::priority`].
    pub priority: Option<i16>,
    /// See [`NewJob::delay_ms`].
    pub delay_ms: Option<u64>,
    /// See [`NewJob::run_at`]; RFC 3339.
    pub run_at: Option<String>,
}

/// What makes a job unique within its task.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unique {
    /// The scope of the uniqueness.
    pub by: UniqueScope,
    /// With `args`: only the arguments at these positions, from 0.
    pub positions: Option<Vec<u32>>,
}

/// The scope in which a job is unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UniqueScope {
    /// One job of the task at a time.
    Task,
    /// One job with the same arguments at a time.
    Args,
}

impl AddOptions {
    /// Parses the options of a guest, a JSON object. The error says what is wrong.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.len() > MAX_TEXT {
            return Err(format!("the options have {} bytes; the limit is {MAX_TEXT}", text.len()));
        }
        // Serde would accept an array as the fields in their order.
        let is_object = |text: &str| text.trim_ascii_start().starts_with('{');
        let unique_is_object = |value: &Value| value.get("unique").is_none_or(|of| of.is_object() || of.is_null());
        if !is_object(text) || !serde_json::from_str(text).is_ok_and(|value| unique_is_object(&value)) {
            return Err(
                "the options must be a JSON object, such as {\"priority\":5,\"unique\":{\"by\":\"args\"}}".to_owned()
            );
        }
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// Returns the job with these options and arguments. Fingerprinting large arguments waits for its turn, because it
    /// takes a multiple of their bytes.
    pub async fn job(self, args: Arc<str>, turns: &Arc<Semaphore>) -> Result<NewJob, OptionsError> {
        let Self { key, unique, priority, delay_ms, run_at } = self;
        if key.as_deref().is_some_and(|key| !is_key(key)) {
            return Err(OptionsError::Invalid(format!("`key`: {KEY_RULE}")));
        }
        let run_at = run_at.as_deref().map(rfc3339::read).transpose();
        let run_at = run_at.map_err(|why| OptionsError::Invalid(format!("`run_at`: {why}")))?;
        let unique = match unique {
            Some(unique) => Some(fingerprint_in_turn(unique, &args, turns).await?),
            None => None,
        };
        Ok(NewJob {
            delay_ms: delay_ms.unwrap_or(0),
            run_at,
            priority: priority.unwrap_or(0),
            key: key.map(Into::into),
            unique,
            ..NewJob::new(args)
        })
    }
}

/// Why options are rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// They are invalid.
    #[error("{0}")]
    Invalid(String),
    /// The host failed.
    #[error("the fingerprint could not be computed: {0}")]
    Internal(String),
}

/// Returns whether a text is a valid key.
pub fn is_key(text: &str) -> bool {
    let is_printable = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    (1..=MAX_KEY).contains(&text.len()) && text.bytes().all(is_printable) && text.trim() == text
}

async fn fingerprint_in_turn(
    unique: Unique,
    args: &Arc<str>,
    turns: &Arc<Semaphore>,
) -> Result<Arc<str>, OptionsError> {
    let positions = positions(&unique).map_err(OptionsError::Invalid)?;
    let is_by_task = unique.by == UniqueScope::Task;
    let of = move |args: &str| match &positions {
        _ if is_by_task => fingerprint(UniqueBy::Task, args),
        None => fingerprint(UniqueBy::Args, args),
        Some(positions) => fingerprint(UniqueBy::Positions(positions), args),
    };
    if is_by_task || args.len() <= SMALL {
        return Ok(of(args));
    }
    let turn = turns.clone().acquire_owned().await.map_err(|error| OptionsError::Internal(error.to_string()))?;
    let args = args.clone();
    let making = tokio::task::spawn_blocking(move || {
        // The work continues if its caller is dropped, and so does its turn.
        let _turn = turn;
        of(&args)
    });
    making.await.map_err(|error| OptionsError::Internal(error.to_string()))
}

/// Returns the positions, if any.
fn positions(unique: &Unique) -> Result<Option<Vec<usize>>, String> {
    let Some(positions) = &unique.positions else { return Ok(None) };
    if unique.by == UniqueScope::Task {
        return Err("`unique.positions` requires `\"by\": \"args\"`".to_owned());
    }
    if !(1..=MAX_POSITIONS).contains(&positions.len()) {
        return Err(format!("`unique.positions` must have 1 to {MAX_POSITIONS} positions"));
    }
    // Each position costs as much as its argument.
    let mut seen = HashSet::with_capacity(positions.len());
    if !positions.iter().all(|at| seen.insert(at)) {
        return Err("`unique.positions` names a position twice".to_owned());
    }
    Ok(Some(positions.iter().map(|at| *at as usize).collect()))
}

#[cfg(test)]
mod tests {
    use saggar_job::Timestamp;

    use super::*;

    fn by_args(positions: Option<Vec<u32>>) -> Unique {
        Unique { by: UniqueScope::Args, positions }
    }

    #[test]
    fn options_are_parsed_and_invalid_ones_are_named() {
        let all = r#" {"key":"k","unique":{"by":"args","positions":[0]},"priority":-3,"delay_ms":5,"run_at":"2026-11-24T10:00:00Z"}"#;
        let read = AddOptions::read(all).unwrap();
        assert_eq!((read.key.as_deref(), read.priority, read.delay_ms), (Some("k"), Some(-3), Some(5)));
        assert_eq!(read.unique, Some(by_args(Some(vec![0]))));
        assert_eq!(AddOptions::read("{}"), Ok(AddOptions::default()));
        assert_eq!(AddOptions::read(r#"{"key":null,"unique":null}"#), Ok(AddOptions::default()));
        for (bad, says) in [
            (r#"{"delay":5}"#, "`delay`"),
            (r#"{"unique":{"by":"args","of":1}}"#, "`of`"),
            (r#"{"unique":{"by":"job"}}"#, "`job`"),
            (r#"{"priority":40000}"#, "40000"),
            (r#"{"delay_ms":-1}"#, "-1"),
            (r#"{"key":1}"#, "string"),
            (r#"{"key":"a","key":"b"}"#, "duplicate"),
            ("[]", "object"),
            (r#"{"unique":["task"]}"#, "object"),
            ("", "object"),
            ("{", "object"),
            (&format!(r#"{{"key":"{}"}}"#, "k".repeat(MAX_TEXT)), "bytes"),
        ] {
            assert!(AddOptions::read(bad).is_err_and(|why| why.contains(says)), "{bad}: {:?}", AddOptions::read(bad));
        }
    }

    #[tokio::test]
    async fn options_make_a_job_or_an_error() {
        let turns = Arc::new(Semaphore::new(1));
        let of = async |text: &str| AddOptions::read(text).unwrap().job("[1]".into(), &turns).await;
        let job = of(r#"{"key":"k","unique":{"by":"args"},"priority":7,"delay_ms":9,"run_at":"1970-01-01T00:00:01Z"}"#);
        let job = job.await.unwrap();
        assert_eq!((job.key.as_deref(), job.priority, job.delay_ms), (Some("k"), 7, 9));
        assert_eq!((job.run_at, job.unique), (Some(Timestamp(1_000)), Some(fingerprint(UniqueBy::Args, "[1]"))));
        assert_eq!(of("{}").await.unwrap(), NewJob::new("[1]"));
        for (bad, says) in [
            (r#"{"key":""}"#, "`key`"),
            (r#"{"run_at":"tomorrow"}"#, "`run_at`"),
            (r#"{"unique":{"by":"task","positions":[0]}}"#, "`unique.positions`"),
        ] {
            assert!(of(bad).await.is_err_and(|why| why.to_string().contains(says)), "{bad}");
        }
    }

    #[test]
    fn a_key_has_1_to_255_printable_characters() {
        for good in ["a", "\"a b\"", &"~".repeat(255)] {
            assert!(is_key(good), "{good}");
        }
        for bad in ["", " ", " a", "a ", "a\tb", "é", &"~".repeat(256)] {
            assert!(!is_key(bad), "{bad}");
        }
    }

    #[tokio::test]
    async fn large_arguments_are_fingerprinted_like_small_ones() {
        let turns = Arc::new(Semaphore::new(1));
        let args: Arc<str> = format!("[1,\"{}\"]", "x".repeat(SMALL)).into();
        let of = async |positions| fingerprint_in_turn(by_args(positions), &args, &turns).await;
        assert_eq!(of(None).await, Ok(fingerprint(UniqueBy::Args, &args)));
        assert_eq!(of(Some(vec![1, 0])).await, Ok(fingerprint(UniqueBy::Positions(&[1, 0]), &args)));
        assert_eq!(turns.available_permits(), 1);
    }

    #[test]
    fn positions_are_bounded_and_distinct() {
        let of = |by, at: &[u32]| positions(&Unique { by, positions: Some(at.to_vec()) });
        assert_eq!(of(UniqueScope::Args, &[1, 0]), Ok(Some(vec![1, 0])));
        let many: Vec<u32> = (0..=100).collect();
        assert!(of(UniqueScope::Args, &many[1..]).is_ok());
        assert!(of(UniqueScope::Args, &many).is_err());
        assert!(of(UniqueScope::Args, &[]).is_err());
        assert!(of(UniqueScope::Args, &[2, 0, 2]).is_err_and(|why| why.contains("twice")));
        assert!(of(UniqueScope::Task, &[0]).is_err());
    }
}
