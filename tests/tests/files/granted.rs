//! Each capability without a grant, with a narrower one, and with the right one.

use std::fs;

use serde_json::json;

use crate::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_requests_nothing_has_nothing() {
    let grants = "[grants]\nenv = [\"REGION\"]\nscratch = \"1MiB\"\n[grants.dirs.data]\npath = \"data\"\n";
    let fixture = Fixture::start_as(&json!({}), grants, |serve| serve.env("REGION", "eu-west"));
    let results =
        fixture.run(json!([["vars"], ["dirs"], ["read", "/data/there.txt"], ["write", "/scratch/a", "x"]])).await;
    assert_eq!((&*results[0], &*results[1]), ("", ""));
    assert!(results[2..].iter().all(|result| !["done", "was there"].contains(&&**result)), "{results:?}");
    assert!(fixture.scratch_dirs().is_empty());
    fixture.server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_are_those_that_were_requested_and_granted() {
    let grants = "[grants]\nenv = [\"REGION\", \"OTHER\"]\n";
    let task = json!({ "sandbox": { "env": ["REGION"] } });
    let fixture = Fixture::start_as(&task, grants, |serve| serve.env("REGION", "eu-west").env("OTHER", "secret"));
    let results = fixture.run(json!([["env", "REGION"], ["env", "OTHER"], ["env", "PATH"], ["vars"]])).await;
    assert_eq!(results, ["eu-west", "not set", "not set", "REGION"]);
    fixture.server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_granted_for_reading_cannot_be_changed() {
    let grants = "[grants.dirs.data]\npath = \"data\"\naccess = \"write\"\n";
    let fixture = Fixture::start(&json!({ "sandbox": { "dirs": ["data"] } }), grants);
    let steps = json!([
        ["dirs"],
        ["read", "/data/there.txt"],
        ["size", "/data/there.txt"],
        ["list", "/data"],
        ["write", "/data/there.txt", "changed"],
        ["write", "/data/new.txt", "new"],
        ["append", "/data/there.txt", "more"],
        ["mkdir", "/data/dir"],
        ["remove", "/data/there.txt"],
        ["rename", "/data/there.txt", "/data/other.txt"],
        ["read", "/data/missing.txt"],
    ]);
    let results = fixture.run(steps).await;
    assert_eq!(results[..4], ["/data", "was there", "9", "there.txt"]);
    let refused = &results[4..10];
    assert!(refused.iter().all(|result| result.contains("Read-only file system")), "{refused:?}");
    assert!(results[10].contains("No such file"), "{results:?}");
    assert_eq!(fs::read_to_string(fixture.data("there.txt")).expect("the file"), "was there");
    assert_eq!(fs::read_dir(fixture.data("")).expect("the directory").count(), 1);
    fixture.server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_granted_for_writing_is_a_directory_like_any_other() {
    let grants = "[grants.dirs.data]\npath = \"data\"\naccess = \"write\"\n";
    let fixture = Fixture::start(&json!({ "sandbox": { "dirs": [{ "name": "data", "write": true }] } }), grants);
    let steps = json!([
        ["write", "/data/a.txt", "hello"],
        ["append", "/data/a.txt", " world"],
        ["patch", "/data/a.txt", "0", "H"],
        ["mkdir", "/data/dir"],
        ["rename", "/data/a.txt", "/data/dir/b.txt"],
        ["list", "/data"],
        ["read", "/data/dir/b.txt"],
        ["rmdir", "/data/dir"],
        ["remove", "/data/there.txt"],
        ["rename", "/data/dir", "/data/renamed"],
        ["fill", "/data/large", "300000"],
        ["size", "/data/large"],
    ]);
    let results = fixture.run(steps).await;
    assert_eq!(results[..7], ["done", "done", "Hello world", "done", "done", "dir/ there.txt", "Hello world"]);
    assert!(results[7].contains("not empty"), "{results:?}");
    assert_eq!(results[8..], ["done", "done", "300000", "300000"]);
    assert_eq!(fs::read_to_string(fixture.data("renamed/b.txt")).expect("the file"), "Hello world");
    // The next job sees what this one left.
    assert_eq!(fixture.run(json!([["list", "/data"]])).await, ["large renamed/"]);
    fixture.server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_does_not_exist_is_said_to_the_operator_and_to_the_author() {
    let grants = "[grants.dirs.data]\npath = \"missing\"\n";
    let fixture = Fixture::start(&json!({ "sandbox": { "dirs": ["data"] } }), grants);
    let job = fixture.job(json!([["read", "/data/a"]])).await;
    assert_eq!(job["status"], "SUCCESS", "{job:#}");
    let log = fixture.log(&job).await;
    assert!(log.contains("the directory `/data` cannot be used"), "{log}");
    assert!(!log.contains("missing"), "the author does not learn where it is: {log}");
    let said = fixture.server.stop().join("\n");
    assert!(said.contains("a granted directory cannot be used") && said.contains("missing"), "{said}");
}
