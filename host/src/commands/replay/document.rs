//! Records as test cases: a JSON document that `saggar capture` writes and `saggar test` runs.

use saggar_record::Document;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A test case made of a record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaptureFile {
    /// The record.
    pub(crate) capture: Document,
    /// How the call has to end; without it, it must not fail.
    #[serde(default)]
    pub(crate) expect: ExpectedEnd,
}

/// How a call has to end.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedEnd {
    /// The response.
    pub(crate) response: Option<Box<RawValue>>,
    /// The code of the problem, for a call that has to fail.
    pub(crate) problem: Option<String>,
}

/// Writes a test case: one entry of the record on each line, so that differences of two versions are readable.
pub(crate) fn write(record: &Document) -> anyhow::Result<String> {
    let entries = record.entries.iter().map(|entry| Ok(format!("      {}", serde_json::to_string(entry)?)));
    let entries = entries.collect::<anyhow::Result<Vec<_>>>()?.join(",\n");
    let (version, header) = (record.record, serde_json::to_string(&record.header)?);
    Ok(format!(
        "{{\n  \"capture\": {{\n    \"record\": {version},\n    \"header\": {header},\n    \"entries\": [\n{entries}\n    ]\n  }},\n  \
         \"expect\": {{}}\n}}"
    ))
}
