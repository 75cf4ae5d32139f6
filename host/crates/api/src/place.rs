//! The location of an error in a body: the number of the job in its batch, and the member.

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

/// Returns why a text is not a `T`, and where. Parses the text again, because tracking the location would slow down all
/// bodies.
pub(crate) fn unreadable<T: DeserializeOwned>(text: &str, error: &serde_json::Error) -> String {
    let mut text = serde_json::Deserializer::from_str(text);
    let found = serde_path_to_error::deserialize::<_, T>(&mut text).err();
    // The object is valid; the error is about text after it.
    let Some(found) = found else { return format!("the body cannot be read: {error}") };
    let mut path: Vec<Segment> = found.path().iter().cloned().collect();
    // If the text ends early or is not JSON, only the line and column are known.
    path.retain(|segment| !matches!(segment, Segment::Unknown));
    match &path[..] {
        [Segment::Map { key }, Segment::Seq { index }, rest @ ..] if key == "jobs" => {
            in_batch(*index, &format!("{}{error}", location(rest)))
        }
        rest => format!("the body cannot be read: {}{error}", location(rest)),
    }
}

/// Returns a prefix for a message: the location in a document, such as `unique.positions[1]`.
fn location(path: &[Segment]) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => text.push_str(&format!("[{index}]")),
            Segment::Map { key } | Segment::Enum { variant: key } if text.is_empty() => text.push_str(key),
            Segment::Map { key } | Segment::Enum { variant: key } => text.push_str(&format!(".{key}")),
            Segment::Unknown => {}
        }
    }
    if text.is_empty() { text } else { format!("`{text}`: ") }
}

/// Returns a message about one job of a batch.
pub(crate) fn in_batch(number: usize, detail: &str) -> String {
    format!("job {number}: {detail}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use saggar_wire::{AddBatch, AddJob, Object};

    fn why<T: DeserializeOwned>(text: &str) -> String {
        unreadable::<T>(text, &serde_json::from_str::<T>(text).err().expect("an invalid text"))
    }

    #[test]
    fn an_invalid_member_in_a_batch_is_located_by_job_and_path() {
        let batch = |job: &str| why::<Object<AddBatch>>(&format!(r#"{{"jobs":[{{"args":[1e400]}},{{}},{job},{{}}]}}"#));
        for (job, expected) in [
            (r#"{"priority":"high"}"#, "job 2: `priority`: invalid type"),
            (r#"{"priority":40000}"#, "job 2: `priority`: invalid value"),
            (r#"{"unique":{"by":"args","positions":[0,-1]}}"#, "job 2: `unique.positions[1]`: invalid value"),
            (r#"{"unique":{"by":"name"}}"#, "job 2: `unique.by`: unknown variant"),
            (r#"{"arg":[]}"#, "job 2: `arg`: unknown field `arg`"),
            (r#"{"key":1}"#, "job 2: `key`: invalid type"),
            (r#"{"args":[1,],"priority":1}"#, "job 2: `args`: "),
            ("[]", "job 2: invalid type: sequence, expected an object"),
            ("7", "job 2: invalid type: integer `7`, expected an object"),
        ] {
            let why = batch(job);
            assert!(why.starts_with(expected) && why.contains(" at line 1 column "), "{why}");
        }
    }

    #[test]
    fn an_invalid_member_of_one_job_is_located_by_path() {
        let job = |text: &str| why::<Object<AddJob>>(text);
        assert!(job(r#"{"delay_ms":-1}"#).starts_with("the body cannot be read: `delay_ms`: invalid value"));
        assert!(job(r#"{"args":[]} x"#).starts_with("the body cannot be read: trailing characters"));
        assert!(job("").starts_with("the body cannot be read: EOF"));
        assert!(why::<Object<AddBatch>>(r#"{"jobs":{}}"#).starts_with("the body cannot be read: `jobs`: invalid type"));
    }
}
