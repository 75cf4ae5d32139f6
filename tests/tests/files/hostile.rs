//! Guests that try to get out of their directories, or to take more than they may.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use crate::Fixture;

fn fixture() -> Fixture {
    let grants = "[grants.dirs.data]\npath = \"data\"\naccess = \"write\"\n";
    let task = json!({ "worker_nums": 2, "sandbox": { "dirs": [{ "name": "data", "write": true }] } });
    Fixture::start(&task, grants)
}

/// How many files a call may have open.
const MAX_OPEN: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_out_of_a_directory() {
    let fixture = fixture();
    let secret = fixture.operator.path().join("secret");
    fs::create_dir(&secret).expect("a directory");
    fs::write(secret.join("file"), "secret").expect("a file");
    for (name, target) in
        [("absolute", secret.clone()), ("relative", "../secret".into()), ("file", secret.join("file"))]
    {
        symlink(target, fixture.data(name)).expect("a link");
    }
    for path in
        ["/etc/passwd", "..", "../secret/file", "absolute/file", "relative/file", "file", "there.txt/../../secret/file"]
    {
        let results = fixture.run(json!([["raw", path]])).await;
        let names: Vec<&str> = results[0].split(' ').collect();
        // A link itself can be removed; nothing is done with its target. A hardened host can make no link, and so not give
        // one another name.
        let of_link = ["loop", "loop", "loop", "not-permitted", "not-permitted", "not-permitted", "access", "done"];
        let is_link = path == "file";
        let expected = |at: usize, name: &str| if is_link { name == of_link[at] } else { name != "done" };
        assert!(names.iter().enumerate().all(|(at, name)| expected(at, name)), "{path}: {names:?}");
    }
    let read = json!([["read", "/data/../secret/file"], ["read", "/secret/file"], ["read", "/data/absolute/file"]]);
    assert!(fixture.run(read).await.iter().all(|result| result != "secret"));
    assert_eq!(fs::read_to_string(secret.join("file")).expect("the file"), "secret");
    assert_eq!(fs::read_dir(&secret).expect("the directory").count(), 1);
    fixture.server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_takes_a_bounded_number_of_files_and_a_tree_is_of_bounded_depth() {
    let fixture = fixture();
    let opened = fixture.run(json!([["open many", "/data/there.txt"]])).await;
    let (count, _) = opened[0].split_once(", then").expect("a refusal");
    assert!(count.parse::<usize>().expect("a number") <= MAX_OPEN, "{opened:?}");
    let nested = fixture.run(json!([["nest"]])).await;
    assert_eq!(nested, ["64, then name-too-long"]);
    // The slot goes on.
    assert_eq!(fixture.run(json!([["read", "/data/there.txt"]])).await, ["was there"]);
    fixture.server.stop();
}
