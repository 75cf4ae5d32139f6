//! `saggar deploy --dry-run --against-last`: recorded attempts on new code, with the real binary.

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::{CommandOutput, saggar_on};
use saggar_tests::server::Server;
use serde_json::{Value, json};

const SCRIPT: &str = "function run(id, n) { if (n === 3) { throw new Error('three'); } return { n: n * 2 }; }";

fn app() -> App {
    let task = json!({ "process": "scripts.it.run", "attempts": 0, "sandbox": { "record": "all" } });
    App::new().script("it", SCRIPT).task("it", &task).simple_task("echo", guests::ECHO)
}

/// Serves the app, and runs three jobs of `it`.
async fn serve(app: &App) -> Server {
    let server = Server::start(app, &[]);
    // Once it is done, the host has kept the code.
    assert_eq!(server.act("/v1/reload").await.status, 200);
    for n in 1..=3 {
        let id = server.add("it", &json!({ "args": [n] })).await;
        let job = server.ended("it", id).await;
        assert_eq!(job["status"], if n == 3 { "FAILURE" } else { "SUCCESS" }, "{job}");
    }
    server
}

fn dry_run(app: &App, server: &Server, more: &[&str]) -> CommandOutput {
    let url = server.url("");
    let arguments = ["--dry-run", "--against-last", "100", "--url", url.trim_end_matches('/')];
    saggar_on("deploy", app, &[&arguments[..], more].concat())
}

/// Tries a version of the script; returns the exit code and what the attempts do.
fn attempts(app: &App, server: &Server, script: &str) -> (Option<i32>, Value) {
    app.write("scripts/it.js", script);
    let said = dry_run(app, server, &["--json"]);
    let document: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    (said.code, document["replays"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_other_code_does_differently_is_counted() {
    let app = app();
    let server = serve(&app).await;
    assert_eq!(attempts(&app, &server, SCRIPT), (Some(0), json!([])), "no code changes");

    let (code, replays) = attempts(&app, &server, &format!("// The same.\n{SCRIPT}"));
    let same = &replays[0];
    assert_eq!((code, &same["task"], &same["attempts"], &same["same"]), (Some(0), &json!("it"), &json!(3), &json!(3)));
    assert_eq!((&same["cpu_measured_here"], &same["not_reproduced"]), (&json!(true), &json!(0)), "{same}");

    let (code, replays) = attempts(&app, &server, "function run(id, n) { return { n: n * 2 }; }");
    let fixed = &replays[0];
    assert_eq!((code, &fixed["same"], &fixed["worse"]), (Some(0), &json!(2), &json!(0)), "{fixed}");
    let end = &fixed["ends"][0];
    assert_eq!((&end["after"], &end["attempts"], &end["first"]["id"]), (&json!("SUCCESS"), &json!(1), &json!(3)));
    assert!(end["before"].as_str().is_some_and(|text| text.starts_with("FAILURE")), "{end}");

    let (code, replays) = attempts(&app, &server, &SCRIPT.replace("n * 2", "n * 3"));
    let other = &replays[0];
    assert_eq!((code, &other["other_answers"], &other["worse"]), (Some(1), &json!(2), &json!(2)), "{other}");
    let printed = dry_run(&app, &server, &[]);
    assert!(printed.code == Some(1) && printed.out.contains("OTHER ANSWER"), "{printed:?}");

    let (code, replays) = attempts(&app, &server, &SCRIPT.replace("{ if", "{ console.log('seen'); if"));
    let logging = &replays[0];
    assert_eq!((code, &logging["other_logs"]), (Some(0), &json!(3)), "{logging}");
    assert_eq!((&logging["asks_more"], &logging["asks_less"]), (&json!(["log"]), &json!([])), "{logging}");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_have_no_effect() {
    let app = app();
    let server = serve(&app).await;
    let adds = SCRIPT.replace("{ if", "{ Process('tasks.echo.Add', n); if");
    let (code, replays) = attempts(&app, &server, &adds);
    let stopped = &replays[0];
    assert_eq!((code, &stopped["stopped"], &stopped["worse"]), (Some(1), &json!(3), &json!(2)), "{stopped}");
    let first = &stopped["first_divergence"];
    assert_eq!(first["id"], 3, "the last attempt is the first: {first}");
    assert!(first["what"].as_str().is_some_and(|what| what.contains("tasks.add")), "{first}");
    assert_eq!(stopped["asks_more"], json!(["tasks"]));
    assert_eq!(server.get("/v1/tasks/echo/jobs").await.body["jobs"], json!([]), "nothing was added");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_listed_in_pages() {
    let app = app();
    let server = serve(&app).await;
    let ids = |page: &Value| -> Vec<u64> {
        page["records"].as_array().expect("a list").iter().filter_map(|one| one["id"].as_u64()).collect()
    };
    let page = server.get("/v1/tasks/it/records?limit=2").await.body;
    assert_eq!(ids(&page), [3, 2]);
    assert!(page["records"][0]["bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{page}");
    let next = page["next"].as_u64().unwrap_or_else(|| panic!("{page} has no next page"));
    let page = server.get(&format!("/v1/tasks/it/records?before={next}")).await.body;
    assert_eq!((ids(&page), &page["next"]), (vec![1], &json!(null)));
    assert_eq!(server.get("/v1/tasks/echo/records").await.body, json!({ "records": [], "next": null }));
    for bad in ["limit=0", "limit=1001", "before=-1", "after=3"] {
        assert_eq!(server.get(&format!("/v1/tasks/it/records?{bad}")).await.code(), "invalid-query", "{bad}");
    }
    assert_eq!(server.get("/v1/tasks/none/records").await.code(), "unknown-task");
    server.stop();
}

#[test]
fn it_is_part_of_a_dry_run() {
    let said = saggar_on("deploy", &app(), &["--against-last", "10"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("--dry-run"), "{said:?}");
}
