//! The bounds of a granted directory, for all slots of a host together.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::Fixture;

const MAX_BYTES: u64 = 100_000;
const MAX_FILES: u64 = 20;

fn fixture() -> Fixture {
    let grants =
        format!("[grants.dirs.data]\npath = \"data\"\naccess = \"write\"\nbytes = {MAX_BYTES}\nfiles = {MAX_FILES}\n");
    let task = json!({ "worker_nums": 8, "sandbox": { "dirs": [{ "name": "data", "write": true }] } });
    Fixture::start(&task, &grants)
}

fn sizes(dir: &Path) -> Vec<u64> {
    let sizes = fs::read_dir(dir).expect("the directory").map(|entry| entry.and_then(|entry| entry.metadata()));
    sizes.map(|metadata| metadata.expect("a file").len()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_directory_refuses_exactly_what_is_too_much() {
    let fixture = fixture();
    let free = MAX_BYTES - "was there".len() as u64;
    let steps =
        json!([["fill", "/data/a", (free + 5000).to_string()], ["size", "/data/a"], ["append", "/data/there.txt", ""]]);
    let job = fixture.job(steps).await;
    // The guest writes 1000 bytes at a time, and a refused write writes nothing.
    let written = free / 1000 * 1000;
    let results = job["response"].as_array().expect("results").clone();
    assert!(results[0].as_str().expect("a text").starts_with(&format!("{written}, then")), "{results:?}");
    assert_eq!(results[1..], [json!(written.to_string()), json!("done")]);
    let log = fixture.log(&job).await;
    assert!(log.contains("the directory `/data` is full") && log.contains("of 100000 bytes"), "{log}");
    let rest = free - written;
    let exactly = json!([["append", "/data/there.txt", "x".repeat(rest as usize)], ["append", "/data/there.txt", "x"]]);
    let results = fixture.run(exactly).await;
    assert!(results[0] == "done" && results[1] != "done", "{results:?}");
    assert_eq!(sizes(&fixture.data("")).iter().sum::<u64>(), MAX_BYTES);
    fixture.server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_write_at_the_same_time_do_not_exceed_the_bounds_together() {
    let fixture = fixture();
    let mut ids = Vec::new();
    for job in 0..40 {
        let steps: Vec<Value> = (0..3).map(|file| json!(["fill", format!("/data/{job}-{file}"), "7000"])).collect();
        ids.push(fixture.server.add("it", &json!({ "args": [steps] })).await);
    }
    for id in ids {
        assert_eq!(fixture.server.ended("it", id).await["status"], "SUCCESS");
    }
    let sizes = sizes(&fixture.data(""));
    assert_eq!(sizes.len() as u64, MAX_FILES, "as many files as there may be");
    let bytes: u64 = sizes.iter().sum();
    assert!(bytes <= MAX_BYTES && bytes > MAX_BYTES - 1000, "{bytes}");
    fixture.server.stop();
}
