//! `saggar schema` prints the schemas of the files that authors write, which accept what the program accepts.

use std::fs;
use std::path::{Path, PathBuf};

use saggar_tests::app::App;
use saggar_tests::program::{output, saggar, saggar_on};
use saggar_tests::tools::tool;
use serde_json::{Value, json};

/// Checks documents with a schema; prints for each of them whether it is valid.
const CHECK: &str = "
import json, sys
from jsonschema import Draft7Validator
schema, documents = json.load(open(sys.argv[1]))
Draft7Validator.check_schema(schema)
print(json.dumps([Draft7Validator(schema).is_valid(document) for document in documents]))
";

fn schema(of: &str) -> Value {
    let printed = saggar(["schema", of]);
    assert_eq!((printed.code, printed.err.as_str()), (Some(0), ""), "{printed:?}");
    serde_json::from_str(&printed.out).expect("JSON")
}

/// Returns for each document whether the schema accepts it.
fn accepted(schema: &Value, documents: &[Value]) -> Vec<bool> {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(file.path(), json!([schema, documents]).to_string()).expect("the file can be written");
    let said = output(tool("python3").args(["-c", CHECK]).arg(file.path()));
    assert_eq!(said.code, Some(0), "{said:?}");
    serde_json::from_str(&said.out).expect("JSON")
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are in a folder of the repository").to_owned()
}

#[test]
fn the_schema_of_tasks_is_the_published_one() {
    let published = fs::read_to_string(repository().join("host/crates/definition/task.schema.json")).unwrap();
    assert_eq!(schema("task"), serde_json::from_str::<Value>(&published).unwrap());
    let unknown = saggar(["schema", "job"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.err.contains("test-file"), "{}", unknown.err);
}

/// Documents, and whether they are test files.
fn documents() -> Vec<(Value, bool)> {
    let good = [
        json!([{}]),
        json!([{ "name": "a", "handler": "b", "role": "on-add", "task": "c", "call": [1, null], "logs": ["d"] }]),
        json!([{ "input": [1], "response": null }]),
        json!([{ "problem": {} }, { "problem": null }]),
        json!([{ "problem": { "code": "a", "message": "b", "reason": "out-of-memory" } }]),
        json!([{ "progress": { "current": 1, "total": 2 } }]),
        json!([{ "adds": [] }, { "adds": [{ "task": "a" }, { "task": "a", "args": [1], "delay_ms": 3 }] }]),
        json!({ "cases": [{}] }),
        json!({ "$schema": "test-file.schema.json", "cases": [{ "call": [] }] }),
    ];
    let bad = [
        json!([]),
        json!({ "cases": [] }),
        json!({}),
        json!({ "case": [{}] }),
        json!({ "cases": {} }),
        json!(null),
        json!("a"),
        json!([null]),
        // Arrays in place of objects.
        json!([["name", "handler"]]),
        json!({ "cases": [["name"]] }),
        json!(["test-file.schema.json", [{}]]),
        json!([{ "problem": ["code", "message", "failed"] }]),
        json!([{ "problem": [null, null, null] }]),
        json!([{ "progress": [1, 2, "half"] }]),
        json!([{ "adds": [["task", null, null]] }]),
        json!([{ "adds": { "task": "a" } }]),
        // Members that do not exist, are missing, or have another type.
        json!([{ "respons": 1 }]),
        json!([{ "problem": { "kode": "a" } }]),
        json!([{ "progress": { "current": 1 } }]),
        json!([{ "progress": { "current": -1, "total": 1 } }]),
        json!([{ "adds": [{ "args": [] }] }]),
        json!([{ "call": 7 }]),
        json!([{ "name": 7 }]),
        json!([{ "logs": "a" }]),
    ];
    good.map(|document| (document, true)).into_iter().chain(bad.map(|document| (document, false))).collect()
}

#[test]
fn the_schema_of_test_files_accepts_what_is_read() {
    let documents = documents();
    let texts: Vec<Value> = documents.iter().map(|(document, _)| document.clone()).collect();
    let by_schema = accepted(&schema("test-file"), &texts);
    // There is no code beside these files, which is said of those that can be read.
    let app = texts
        .iter()
        .enumerate()
        .fold(App::new(), |app, (number, text)| app.file(format!("plugins/{number:02}.test.json"), text.to_string()));
    let said = saggar_on("test", &app, &["--json"]);
    let read: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let read = read["cases"].as_array().expect("a result for each file");
    assert_eq!((read.len(), by_schema.len()), (documents.len(), documents.len()));
    for (((document, expected), result), by_schema) in documents.iter().zip(read).zip(by_schema) {
        let is_read = result["differences"][0].as_str().expect("a text").starts_with("there is nothing to test beside");
        assert_eq!((by_schema, is_read), (*expected, *expected), "{document}: {result}");
    }
}

/// The templates, the examples, and those that the documentation shows.
#[test]
fn the_repositorys_test_files_fit_the_schema() {
    let mut files = Vec::new();
    let place = tempfile::tempdir().expect("a temporary directory");
    for lang in ["script", "rust"] {
        let made = saggar(["new", "app", lang, "--lang", lang, "--dir", place.path().to_str().unwrap()]);
        assert_eq!(made.code, Some(0), "{made:?}");
    }
    find_test_files(place.path(), &mut files);
    assert_eq!(files.len(), 2, "{files:?}");
    find_test_files(&repository().join("examples/apps"), &mut files);
    assert!(files.len() > 2, "no example has a test file");
    let mut documents: Vec<Value> =
        files.iter().map(|file| json_of(file, &fs::read_to_string(file).unwrap())).collect();
    for page in ["docs/plugins.md", "docs/guide/src/testing.md"] {
        let text = fs::read_to_string(repository().join(page)).unwrap();
        let blocks = text.split("\n```json").skip(1).map(|rest| rest.split("\n```").next().unwrap_or_default());
        let blocks: Vec<_> = blocks.map(|block| block.split_once('\n').expect("a block has lines").1).collect();
        assert!(!blocks.is_empty(), "{page}");
        documents.extend(blocks.iter().map(|block| json_of(Path::new(page), block)));
    }
    let accepted = accepted(&schema("test-file"), &documents);
    for (document, accepted) in documents.iter().zip(accepted) {
        assert!(accepted, "{document}");
    }
}

fn json_of(file: &Path, text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn find_test_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            find_test_files(&path, found);
        } else if path.to_string_lossy().ends_with(".test.json") {
            found.push(path);
        }
    }
}

#[test]
fn the_examples_pass_their_test_files() {
    for app in ["yao", "webhook", "pages"] {
        let said = saggar(["test", repository().join("examples/apps").join(app).to_str().unwrap()]);
        assert_eq!(said.code, Some(0), "{app}: {said:?}");
        assert!(said.out.ends_with("passed, 0 failed\n"), "{app}: {}", said.out);
    }
}
