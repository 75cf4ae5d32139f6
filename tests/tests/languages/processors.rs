//! What processors answer, report, log and add.

use saggar::grant::Grants;
use saggar::{JobId, ListQuery, LogLevel, LogSource, NewJob, Status};
use saggar_tests::app::App;
use saggar_tests::host::{Start, TestHost, problem_code, response};
use serde_json::{Value, json};

use super::Language;

/// The functions of the guest; each is the processor of a task with its name.
const FUNCTIONS: [&str; 14] = [
    "echo", "nothing", "unicode", "progress", "levels", "reject", "retry", "broken", "children", "options", "unknown",
    "passed", "ident", "random",
];

/// The processors that look up and cancel jobs which their task has not added.
const OF_OTHER_JOBS: [&str; 2] = ["lookup", "cancel"];

/// The processors of tasks that a script cannot have: one that it has no means for, and one that does not exist.
const OF_COMPONENTS: [&str; 2] = ["context", "missing"];

/// The largest id that a double represents exactly, plus 2.
const LARGE: u64 = (1 << 53) + 1;

fn app(language: &Language) -> App {
    let app = FUNCTIONS.iter().fold(language.app(), |app, name| app.task(name, &language.task(name)));
    let app = OF_OTHER_JOBS.iter().fold(app, |app, name| {
        let mut task = language.task(name);
        task["sandbox"] = json!({ "tasks": "all" });
        app.task(name, &task)
    });
    let mut narrowed = language.task("unknown");
    narrowed["sandbox"] = json!({ "tasks": { "add": ["journal"] } });
    let app = app.task("restricted", &language.task("lookup")).task("narrowed", &narrowed);
    let mut large = language.task("echo");
    large["sandbox"] = json!({ "memory": language.memory_of_large_texts });
    let app = app.task("large", &large);
    let fresh = json!({ "process": language.reference("random"), "sandbox": { "reuse": 1 } });
    // An hour passes unless the guest's own delay counts.
    let later = json!({ "process": language.reference("later"), "attempts": 1, "attempt_after": 3_600_000 });
    let default = if language.is_script() { language.reference("echo") } else { "plugins.it".into() };
    let app = app.task("fresh", &fresh).task("later", &later).task("default", &json!({ "process": default }));
    let app = if language.has_stdout { app.task("print", &language.task("print")) } else { app };
    let app = if language.has_files() { app.task("files", &with_files(language)) } else { app };
    if language.is_script() {
        return app;
    }
    OF_COMPONENTS.iter().fold(app, |app, name| app.task(name, &language.task(name)))
}

/// Returns the task whose processor uses a variable and files.
fn with_files(language: &Language) -> Value {
    let mut task = language.task("files");
    task["sandbox"] = json!({ "env": ["WORD"], "scratch": "64KiB" });
    task
}

pub(super) async fn conform(language: &Language) {
    let granted = Grants { env: vec!["WORD".to_owned()], scratch: Some(64 << 10), ..Grants::of_single_app() };
    let start = Start { grants: granted, variables: vec![("WORD", "pot ✓")], ..Start::default() };
    let host = TestHost::start_as(app(language), start).await;
    values(&host).await;
    large_texts(&host).await;
    if !language.is_script() {
        context(&host).await;
    }
    progress(&host).await;
    output(&host, language.has_stdout).await;
    failures(&host, language).await;
    missing_function(&host, language).await;
    added_jobs(&host, language).await;
    other_jobs(&host).await;
    large_ids(&host, language).await;
    random_numbers(&host).await;
    if language.has_files() {
        // Twice, because each job has a scratch directory of its own, and an instance may serve both.
        for _ in 0..2 {
            assert_eq!(host.response("files", json!([])).await, "pot ✓");
        }
    }
    host.shutdown().await;
}

async fn values(host: &TestHost) {
    let value = json!({ "a": [1.5, -7, null, true, "ü \u{1f680}", {}, []], "": "empty" });
    assert_eq!(host.response("echo", json!([value])).await, value);
    assert_eq!(host.response("default", json!([null])).await, Value::Null);
    // The array of the arguments is the first of 128 levels.
    let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
    let deep: Value = serde_json::from_str(&deep).expect("nested arrays");
    assert_eq!(host.response("echo", json!([deep])).await, deep);
    assert_eq!(host.response("nothing", json!([])).await, Value::Null);
    let unicode = "ünï 日本語 👩\u{200d}🚀 \" \\ \0 end";
    assert_eq!(host.response("unicode", json!([])).await, unicode);
}

/// More than an instance of the default size would have room for if it kept what it was given.
async fn large_texts(host: &TestHost) {
    let large = Value::from("ü".repeat(1 << 20));
    for _ in 0..32 {
        assert!(host.response("large", json!([large])).await == large, "a text of 2 MiB came back changed");
    }
}

async fn context(host: &TestHost) {
    let expected = json!({
        "id": "1", "task": "context", "attempt": 1, "max_attempts": 2, "has_deadline": true, "is_cancelled": false,
        "trace_parent": null,
    });
    assert_eq!(host.response("context", json!([])).await, expected);
}

async fn progress(host: &TestHost) {
    let reported = host.run("progress", json!([])).await;
    assert_eq!(response(&reported), "reported");
    assert_eq!((reported.current, reported.total, reported.message.as_str()), (2, 2, "done ✓"));
}

async fn output(host: &TestHost, has_stdout: bool) {
    host.response("levels", json!([])).await;
    let lines = host.inner().logs("levels", 1).await.expect("the job has a log");
    let lines: Vec<_> = lines.iter().map(|line| (line.source, line.text.as_str())).collect();
    let level = LogSource::Log;
    let expected = [
        (level(LogLevel::Debug), "at debug"),
        (level(LogLevel::Info), "at info"),
        (level(LogLevel::Warn), "at warn"),
        (level(LogLevel::Error), "at error"),
    ];
    assert_eq!(lines, expected);
    if has_stdout {
        // One instance runs both jobs: each has its own word, although no line was ended.
        for (id, word) in [(1, "wörd"), (2, "other")] {
            host.response("print", json!([word])).await;
            assert_eq!(host.log("print", id).await, [word]);
        }
    }
}

async fn failures(host: &TestHost, language: &Language) {
    let rejected = host.run("reject", json!([])).await;
    assert_eq!((problem_code(&rejected), rejected.attempt), ("no-page", 1));
    let problem = rejected.problem.expect("why it was rejected");
    assert_eq!(problem.message, "page 7 does not exist");
    assert_eq!(details(problem.details.as_deref()), json!({ "page": 7 }));

    let retried = host.run("retry", json!([])).await;
    assert_eq!((response(&retried), retried.attempt), (json!(2), 2));
    let attempts = host.inner().attempts("retry", 1).await.expect("the job has attempts");
    let first = attempts[0].problem.as_ref().expect("why the first attempt failed");
    assert_eq!((first.code.as_str(), first.message.as_str()), ("busy", "attempt 1 is busy"));
    let later = host.run("later", json!([])).await;
    assert_eq!((response(&later), later.attempt), (json!(2), 2));

    let broken = host.run("broken", json!([])).await;
    assert_eq!((problem_code(&broken), broken.attempt), (language.code_of_errors, 2));
    let problem = broken.problem.expect("why it failed");
    assert!(problem.message.contains("it is broken"), "{problem:?}");
    if let Some(place) = language.place_of_errors {
        let details = details(problem.details.as_deref());
        assert!(details[place].as_str().is_some_and(|trace| trace.contains("broken")), "{details}");
    }
}

async fn missing_function(host: &TestHost, language: &Language) {
    if language.is_script() {
        let app = language.app().task("missing", &language.task("missing"));
        let refused = TestHost::try_start(app, Start::default()).await.err().expect("the function does not exist");
        assert!(refused.contains("there is no function `missing`"), "{refused}");
        return;
    }
    let missing = host.run("missing", json!([])).await;
    assert_eq!((problem_code(&missing), missing.attempt), ("unknown-handler", 1));
    let message = missing.problem.expect("why it was rejected").message;
    assert!(message.starts_with("unknown function `missing`; known: ") && message.contains("`#echo`"), "{message}");
}

fn details(json: Option<&str>) -> Value {
    serde_json::from_str(json.expect("details")).expect("details are JSON")
}

async fn added_jobs(host: &TestHost, language: &Language) {
    let family = host.run("children", json!([])).await;
    assert_eq!((response(&family), family.attempt), (json!([1, 2]), 2));
    assert_eq!(host.try_job("journal", 3).await, Err("unknown-job".into()), "each child is added once");
    for (id, word) in [(1, "first"), (2, "second")] {
        assert_eq!(response(&host.end("journal", id).await), word);
    }

    assert_eq!(host.response("options", json!([])).await, json!([3, 3, 4, 5, 6]));
    let late = host.job("journal", 6).await;
    assert!(late.run_at.is_some_and(|at| at.0 >= late.added_at.0 + 3_600_000), "{late:?}");
    let listed = host.inner().list(&ListQuery::of_tenant("default")).await.expect("a page").jobs;
    assert_eq!(listed.iter().find(|job| job.priority == 7).map(|job| job.id.0), Some(6));
    host.cancel("journal", 6).await.expect("it waits");

    assert_eq!(host.response("unknown", json!([])).await, "unknown-task");
    let passed = host.run("passed", json!([])).await;
    assert_eq!((problem_code(&passed), passed.attempt), ("unknown-task", 2), "the host's problem is passed on");
    // A script gets 0 for a job that is refused.
    let refused = if language.is_script() { json!(0) } else { json!("not-granted") };
    assert_eq!(host.response("narrowed", json!([])).await, refused, "its task may add jobs to `journal` only");
}

async fn other_jobs(host: &TestHost) {
    host.inner().pause("default").await.expect("the task exists");
    let waiting = host.add("default", json!(["parked"])).await;
    let expected = json!({
        "id": waiting, "status": "waiting", "current": 0, "total": 0, "message": "", "response": null,
    });
    assert_eq!(host.response("lookup", json!(["default", waiting])).await, expected);
    assert_eq!(host.response("cancel", json!(["default", waiting])).await, "cancelled");
    assert_eq!(host.response("cancel", json!(["default", waiting])).await, "ended");
    assert_eq!(host.job("default", waiting).await.status, Status::Failure);
    assert_eq!(host.response("lookup", json!(["default", waiting])).await["status"], "failure");

    let found = host.response("lookup", json!(["progress", 1])).await;
    let expected = json!({
        "id": 1, "status": "success", "current": 2, "total": 2, "message": "done ✓", "response": "reported",
    });
    assert_eq!(found, expected);
    let unknown = host.run("lookup", json!(["progress", 99])).await;
    assert_eq!(problem_code(&unknown), "unknown-job");
    let restricted = host.run("restricted", json!(["progress", 1])).await;
    assert_eq!(problem_code(&restricted), "not-added");
}

async fn large_ids(host: &TestHost, language: &Language) {
    assert_eq!(host.response("ident", json!([])).await, "1");
    for id in [LARGE - 1, LARGE, (1 << 63) + 1] {
        let job = NewJob { id: Some(JobId(id)), ..NewJob::new("[]") };
        host.inner().add_jobs("ident", vec![job]).await.expect("the id is free");
        let ended = host.end("ident", id).await;
        if language.has_exact_ids {
            assert_eq!(response(&ended), id.to_string());
        } else {
            assert_eq!((problem_code(&ended), ended.attempt), ("id-too-large", 1));
        }
    }
    let looked_up = host.run("lookup", json!(["ident", LARGE])).await;
    if language.has_exact_ids {
        assert_eq!(response(&looked_up)["id"], LARGE);
    } else {
        assert_eq!(problem_code(&looked_up), language.code_of_large_id());
    }
}

/// A component may be a snapshot of a running program; what it returns must not be part of it.
async fn random_numbers(host: &TestHost) {
    let (one, other) = (host.response("fresh", json!([])).await, host.response("fresh", json!([])).await);
    assert!(one.is_number() && one != other, "two instances returned {one} and {other}");
    let (one, other) = (host.response("random", json!([])).await, host.response("random", json!([])).await);
    assert!(one != other, "one instance returned {one} and {other}");
}
