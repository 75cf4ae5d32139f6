//! A full disk, with the real binary on a small file system: it is reported clearly, no job is lost, and the host
//! continues when there is space again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::histories::{self, Expected, Found};
use saggar_tests::host::TestHost;
use saggar_tests::program::output;
use saggar_tests::server::Server;
use saggar_tests::small_disk::{MOUNTED_AT, SmallDisk};
use serde_json::json;

/// Large enough for all data of a test many times over, but not together with the ballast.
const DISK_KIB: usize = 64 * 1024;
/// The report of a full disk.
const FULL: &str = "the disk with the job store is full";
/// Jobs that wait when a host is started on a disk without space for their ends.
const JOBS: usize = 600;
/// A host stops within this time after SIGTERM, even if its disk is full.
const STOPS_WITHIN: Duration = Duration::from_secs(15);

fn app() -> App {
    let task = json!({
        "process": "plugins.recorder", "worker_nums": 8, "size": 100_000,
        "event": { "add": "plugins.recorder", "success": "plugins.recorder", "error": "plugins.recorder" },
    });
    App::new().plugin("recorder", guests::RECORDER).task("recorded", &task).simple_task("echo", guests::ECHO)
}

fn store(name: &str) -> String {
    format!("sqlite:{MOUNTED_AT}/{name}.db")
}

fn saggar(disk: &SmallDisk, command: &str, app: &App, store: &str) -> Command {
    let mut saggar = disk.saggar();
    // Else the start of a host would fill the disk with the code of its tasks.
    saggar.env("SAGGAR_KEEP_VERSIONS", "0");
    saggar.arg(command).arg(app.path()).args(["--store", store]).stdout(Stdio::piped()).stderr(Stdio::piped());
    saggar
}

/// Copies the store from the small disk to the app, and starts a host on it.
async fn start_with_store(disk: &SmallDisk, app: App) -> TestHost {
    for suffix in ["", "-wal"] {
        let (from, to) = (disk.path(&format!("saggar.db{suffix}")), format!(".saggar/saggar.db{suffix}"));
        // Closing the store removes the WAL.
        match fs::read(&from) {
            Ok(bytes) => app.write(to, bytes),
            Err(_) => drop(fs::remove_file(app.path().join(to))),
        }
    }
    TestHost::start_durable(app).await
}

/// Waits until the host is idle, and checks every job's history.
async fn check(host: &TestHost, answered: Vec<u64>) -> Found {
    host.idle().await;
    let recorded = Expected { answered, delivered: &["add", "success", "error"] };
    histories::check(host.inner(), &BTreeMap::from([("recorded", recorded)])).await
}

/// Pauses the task and adds jobs to it; returns their ids.
async fn add_to_paused_task(host: &TestHost) -> Vec<u64> {
    host.inner().pause("recorded").await.expect("it can be paused");
    let job = || saggar::NewJob::new(json!([1, "x".repeat(4_000)]).to_string());
    let added = host.inner().add_jobs("recorded", (0..JOBS).map(|_| job()).collect()).await.expect("there is room");
    added.iter().map(|added| added.id.0).collect()
}

/// Stops the host and copies its store to the small disk, with too little space there for the ends of its jobs.
async fn move_to_disk(disk: &SmallDisk, host: TestHost) -> App {
    let app = host.into_app().await;
    fs::copy(app.path().join(".saggar/saggar.db"), disk.path("saggar.db")).expect("the store fits");
    disk.leave_free(1024);
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_jobs_are_retained_until_there_is_space() {
    let disk = SmallDisk::mount(DISK_KIB);
    let host = TestHost::start_durable(app()).await;
    let added = add_to_paused_task(&host).await;
    host.inner().resume("recorded").await.expect("it can be resumed");
    let app = move_to_disk(&disk, host).await;
    let mut serve =
        saggar(&disk, "serve", &app, &store("saggar")).env("RUST_LOG", "info").spawn().expect("the binary starts");
    let mut lines = BufReader::new(serve.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    let mut said = Vec::new();
    let mut until = |what: &str| {
        for line in lines.by_ref() {
            said.push(line);
            if said.last().is_some_and(|line| line.contains(what)) {
                return;
            }
        }
        panic!("the host ended without saying `{what}`: {said:#?}");
    };
    until(FULL);
    // A checkpoint may have freed space. Now the disk is completely full: the host repeats the report and keeps
    // running.
    disk.fill();
    until(FULL);
    disk.free_space();
    until("can be written again");
    let term = Command::new("kill").args(["-s", "TERM", &serve.id().to_string()]).status();
    assert!(term.expect("kill starts").success());
    until("stopped");
    assert!(serve.wait().expect("it ends").success());
    assert!(said.len() < 30, "the report is repeated too often: {said:#?}");
    let host = start_with_store(&disk, app).await;
    assert_eq!(check(&host, added).await, Found { jobs: JOBS, lost: 0 }, "the end of an attempt was lost");
    host.shutdown().await;
}

/// Returns the jobs in the log lines that contain `what`.
fn jobs_in_lines_with(said: &[String], what: &str) -> BTreeSet<String> {
    let lines = said.iter().filter(|line| line.contains(what));
    lines.flat_map(|line| line.split(' ').filter_map(|word| word.strip_prefix("job="))).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_on_a_full_disk_stops_and_reports_each_job_correctly() {
    let disk = SmallDisk::mount(DISK_KIB);
    let host = TestHost::start_durable(app().simple_task("time", guests::HOSTILE_TIME)).await;
    host.add("time", json!(["sleep_an_hour"])).await;
    let added = add_to_paused_task(&host).await;
    let app = move_to_disk(&disk, host).await;
    let mut serve = saggar(&disk, "serve", &app, &store("saggar"));
    serve.args(["--drain", "100ms"]).env("RUST_LOG", "info,saggar_worker=debug");
    let server = Server::start_by(serve);
    // The disk still has space for the start of this attempt, but not after the ends of the other jobs.
    server.log().until("an attempt begins task=default/time");
    assert_eq!(server.act("/v1/tasks/recorded/resume").await.status, 204);
    server.log().until(FULL);
    // Too little space for the ends of those jobs can be enough to requeue one.
    let mut refused = 0;
    while refused < 5 {
        let answer = server.post("/v1/tasks/echo/jobs", &json!({ "args": [] })).await;
        refused = if answer.status == 201 { 0 } else { refused + 1 };
    }
    let began = Instant::now();
    server.signal("TERM");
    let (code, said) = server.end();
    assert!(began.elapsed() < STOPS_WITHIN, "it took {:?}", began.elapsed());
    assert_eq!(code, Some(0), "{said:#?}");
    let (requeued, not_stored) =
        (jobs_in_lines_with(&said, "was stopped and requeued"), jobs_in_lines_with(&said, "could not be"));
    assert!(requeued.is_disjoint(&not_stored), "{requeued:?} and {not_stored:?}");
    let is_lost = not_stored.contains("default/time#1");
    assert_ne!(requeued.contains("default/time#1"), is_lost, "the job must be either requeued or lost: {said:#?}");
    disk.free_space();
    let host = start_with_store(&disk, app).await;
    let job = host.until_running("time", 1).await;
    assert_eq!(job.attempt, 1 + u32::from(is_lost), "only an attempt that was requeued does not count");
    host.cancel("time", 1).await.expect("it runs");
    host.idle().await;
    let found = check(&host, added).await;
    assert_eq!(found.jobs, JOBS);
    assert!(found.lost > 0, "every end was stored, so nothing was tested: {said:#?}");
    host.shutdown().await;
}

/// Under load, either an add is rejected and `run` ends, or the ends of all jobs that it waits for are pending and it
/// continues.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_were_answered_under_load_are_durable() {
    let (disk, app) = (SmallDisk::mount(DISK_KIB), app());
    // The first 512 jobs, which may be added in one transaction, fit on the disk; the results of all jobs do not.
    disk.leave_free(4 * 1024);
    let mut run = saggar(&disk, "run", &app, &store("saggar"));
    run.args(["--repeat", "2500", "--ids", "recorded", "1", &"x".repeat(1_000)]);
    let mut run = run.spawn().expect("the binary starts");
    let mut err = BufReader::new(run.stderr.take().expect("a pipe"));
    let mut said = String::new();
    while !said.contains(FULL) {
        assert_ne!(err.read_line(&mut said).expect("text in UTF-8"), 0, "it ended without the report: {said}");
    }
    disk.free_space();
    let rest = std::io::read_to_string(&mut err).expect("text in UTF-8");
    let ended = run.wait_with_output().expect("it ends");
    assert!(ended.status.success() || format!("{said}{rest}").contains("store-full"), "{rest}");
    let out = String::from_utf8(ended.stdout).expect("text in UTF-8");
    let ids: Vec<u64> = out.lines().filter_map(|line| line.parse().ok()).collect();
    assert!(!ids.is_empty(), "nothing was added: {said}{rest}");
    let host = start_with_store(&disk, app).await;
    check(&host, ids).await;
    host.shutdown().await;
}

#[test]
fn a_job_that_does_not_fit_on_the_disk_is_refused() {
    let (disk, app) = (SmallDisk::mount(DISK_KIB), app());
    disk.leave_free(1024);
    // One argument of a program cannot be longer than 128 KiB.
    let words = vec!["x".repeat(100_000); 15];
    let said = output(saggar(&disk, "run", &app, &store("saggar")).arg("echo").args(words));
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("the job was not added") && said.err.contains(FULL), "{}", said.err);
    assert!(said.err.contains("store-full"), "{}", said.err);
    // The rejected job did not use up an id.
    let said = output(saggar(&disk, "run", &app, &store("saggar")).args(["--json", "echo", "small"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains(r#""id":1,"#), "{}", said.out);
}

#[test]
fn a_start_on_a_full_disk_is_reported() {
    let (disk, app) = (SmallDisk::mount(DISK_KIB), app());
    disk.leave_free(0);
    for name in ["saggar", "new"] {
        let said = output(&mut saggar(&disk, "serve", &app, &store(name)));
        assert_eq!(said.code, Some(1), "{}", said.err);
        assert!(said.err.contains(FULL) && said.err.contains("make room"), "{name}: {}", said.err);
    }
    disk.free_space();
}
