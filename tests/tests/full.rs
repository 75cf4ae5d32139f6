//! The real binary on a file system that is full: it says so, loses nothing, and goes on when there is room again.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use saggar::{Host, ListOrder, ListQuery, Status};
use saggar_tests::app::App;
use saggar_tests::patience::within;
use saggar_tests::{guests, program};
use serde_json::json;

/// Enough for the store and its WAL, and for some hundred jobs.
const DISK: &str = "size=8m";
/// What is taken away from the start, to make room later.
const BALLAST: &str = "4M";
const BEGINS: &str = "an attempt begins";
const FULL: &str = "the disk with the job store is full";

/// A small file system, in a mount namespace of its own, for as long as this lives.
struct SmallDisk {
    holder: Child,
    directory: tempfile::TempDir,
    is_root: bool,
}

impl SmallDisk {
    fn mount() -> Self {
        let directory = tempfile::tempdir().expect("a directory for a test");
        let is_root = Command::new("id").arg("-u").output().is_ok_and(|said| said.stdout == b"0\n");
        let mut unshare = Command::new("unshare");
        unshare.arg("--mount").args(if is_root { [].as_slice() } else { &["--user", "--map-root-user"] });
        // `cat` holds the namespace until its input ends.
        let script = "mount -t tmpfs -o \"$1\" tmpfs \"$0\" && head -c \"$2\" /dev/zero > \"$0/ballast\" && echo mounted && exec cat";
        unshare.args(["sh", "-c", script]).arg(directory.path()).args([DISK, BALLAST]);
        let holder = unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut holder = holder.expect("`unshare` starts; it is in the package util-linux");
        let mut said = String::new();
        let out = holder.stdout.take().expect("a pipe was asked for");
        BufReader::new(out).read_line(&mut said).expect("text");
        let help =
            "a small file system cannot be mounted: allow unprivileged user namespaces, or run the tests as root";
        assert_eq!(said, "mounted\n", "{help}");
        Self { holder, directory, is_root }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A command that sees the file system.
    fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(["--target", &self.holder.id().to_string(), "--mount"]);
        inside.args(if self.is_root { [].as_slice() } else { &["--user", "--preserve-credentials"] });
        inside.arg("--").arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// `saggar COMMAND APP` with its store there.
    fn saggar(&self, command: &str, app: &App) -> Command {
        let mut saggar = program::command();
        saggar.arg(command).arg(app.path());
        saggar.arg(format!("--store=sqlite:{}", self.path().join("jobs.db").display()));
        self.inside(&saggar)
    }

    fn make_room(&self) {
        let mut remove = Command::new("rm");
        remove.arg(self.path().join("ballast"));
        assert!(self.inside(&remove).status().expect("rm starts").success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Adds jobs until one is refused; answers the ids of those that were kept.
fn fill(disk: &SmallDisk, app: &App) -> BTreeSet<u64> {
    let said = disk
        .saggar("run", app)
        .args(["--repeat=1000000", "--ids", "empty", &"x".repeat(4_000)])
        .output()
        .expect("nsenter starts; it is in the package util-linux");
    let (out, err) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(!said.status.success() && err.contains(FULL), "{:?}: {err}", said.status);
    let ids: Vec<u64> = out.lines().map(|line| line.parse().expect("an id")).collect();
    let kept: BTreeSet<u64> = ids.iter().copied().collect();
    assert_eq!(kept.len(), ids.len(), "an id was given twice");
    assert!(kept.len() > 100, "there was room for some: {}", kept.len());
    kept
}

/// A host that serves, and what it says.
struct Serving {
    host: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Serving {
    fn start(disk: &SmallDisk, app: &App) -> Self {
        let mut serve = disk.saggar("serve", app);
        let serve = serve.env("RUST_LOG", "info,saggar_worker=debug").stderr(Stdio::piped());
        let mut host = serve.spawn().expect("nsenter starts");
        let lines = BufReader::new(host.stderr.take().expect("a pipe was asked for")).lines();
        Self { host, lines }
    }

    fn reads_until(&mut self, what: &str) {
        let found = self.lines.by_ref().map_while(Result::ok).any(|line| line.contains(what));
        assert!(found, "the host ended without saying: {what}");
    }

    fn drain(mut self) {
        let status = Command::new("kill").args(["-s", "TERM", &self.host.id().to_string()]).status();
        assert!(status.expect("kill starts").success(), "the host has ended by itself");
        // Read to the end, or it would stop when the pipe is full.
        assert!(self.lines.map_while(Result::ok).any(|line| line.contains("stopped")));
        assert!(self.host.wait().expect("a child can be waited for").success(), "the host drains");
    }
}

/// Serves on the full disk until it has said so, makes room, and waits until work goes on. A host that could not even
/// start there is started again; one that could goes on by itself.
fn serve_until_there_is_room(disk: &SmallDisk, app: &App) {
    let mut serving = Serving::start(disk, app);
    serving.reads_until(FULL);
    disk.make_room();
    let goes_on = serving.lines.by_ref().map_while(Result::ok).any(|line| line.contains(BEGINS));
    if !goes_on {
        assert!(!serving.host.wait().expect("a child can be waited for").success(), "a refused start is a failure");
        serving = Serving::start(disk, app);
        serving.reads_until(BEGINS);
    }
    serving.drain();
}

#[test]
fn a_full_file_system_is_said_and_loses_nothing() {
    let app = App::new()
        .plugin("empty", guests::EMPTY)
        .task("empty", &json!({ "process": "plugins.empty", "worker_nums": 4, "size": 1_000_000 }));
    let disk = SmallDisk::mount();
    let kept = fill(&disk, &app);
    serve_until_there_is_room(&disk, &app);
    // This one ends when nothing waits or runs any more.
    let last = disk.saggar("run", &app).args(["--repeat=1", "empty", "last"]).output().expect("nsenter");
    assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
    let copy = app.path().join("copy.db");
    let backup = disk.saggar("backup", &app).arg(&copy).output().expect("nsenter");
    assert!(backup.status.success(), "{}", String::from_utf8_lossy(&backup.stderr));
    check(&app, &copy, &kept);
}

/// Every job that was kept has ended well, and there are no others but those that were under way when the disk was full.
fn check(app: &App, copy: &Path, kept: &BTreeSet<u64>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let store = format!("sqlite:{}", copy.display()).parse().expect("a store");
        let host = within("the start", Host::builder(app.path()).store(store).build()).await.expect("the copy starts");
        let mut query =
            ListQuery { order: ListOrder::OldestFirst, limit: ListQuery::PAGE, ..ListQuery::of_tenant("default") };
        let mut found = BTreeSet::new();
        loop {
            let page = host.list(&query).await.expect("a page");
            for job in page.jobs {
                assert_eq!(job.status, Status::Success, "{job:?}");
                assert!(found.insert(job.id.0), "the job {} is listed twice", job.id);
            }
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        let lost: Vec<_> = kept.difference(&found).collect();
        assert!(lost.is_empty(), "jobs that were kept are gone: {lost:?}");
        host.shutdown(std::time::Duration::ZERO).await;
    });
}
