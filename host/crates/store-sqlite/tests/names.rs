//! The names of the SQLite store's files: foreign files under them are neither followed nor written to, one host has a
//! database whatever its names are, and other users have no access.

#![expect(clippy::unwrap_used, reason = "clippy exempts test functions, but not their helpers")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use saggar_job::{TaskKey, Timestamp};
use saggar_queue::{NewJob, Rules, Store};
use saggar_store_sqlite::{SqliteError, SqliteOptions, SqliteStore};
use tempfile::TempDir;

const NOW: Timestamp = Timestamp(1_000_000);
const DATABASE: &str = "SAGGAR_TEST_DATABASE";
const WORDS: &str = "another user's words";

fn directory() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn open(path: &Path) -> Result<SqliteStore, SqliteError> {
    SqliteStore::open(&SqliteOptions::new(path))
}

/// Returns the messages of a refusal and of its cause.
fn refusal(path: &Path) -> String {
    let error = open(path).map(drop).expect_err("it must be refused");
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    format!("{error}: {}", cause.unwrap_or_default())
}

async fn add(store: &SqliteStore) {
    let rules = Arc::new(Rules::default());
    let task = store.open(&TaskKey::new("default", "bench"), &rules, NOW, Arc::new(())).await.unwrap();
    task.add(vec![NewJob::new("[]")], &rules, NOW).await.unwrap();
}

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Puts something under a name.
type Put = fn(&Path, victim: &Path);

const LINKS: [(&str, Put, &str); 3] = [
    ("a link", |path, victim| symlink(victim, path).unwrap(), "symbolic link"),
    ("a dangling link", |path, victim| symlink(victim.with_extension("new"), path).unwrap(), "symbolic link"),
    ("a hard link", |path, victim| fs::hard_link(victim, path).unwrap(), "hard link"),
];
const OTHERS: [(&str, Put, &str); 2] = [
    ("a directory", |path, _| fs::create_dir(path).unwrap(), "directory"),
    ("a pipe", |path, _| assert!(Command::new("mkfifo").arg(path).status().unwrap().success()), "not a regular file"),
];

/// A directory with a foreign file, and the path of a store.
struct Scene {
    directory: TempDir,
    victim: PathBuf,
    database: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let directory = directory();
        let (victim, database) = (directory.path().join("victim"), directory.path().join("saggar.db"));
        fs::write(&victim, WORDS).unwrap();
        Self { directory, victim, database }
    }

    fn at(&self, suffix: &str) -> PathBuf {
        self.directory.path().join(format!("saggar.db{suffix}"))
    }

    #[track_caller]
    fn check(&self, what: &str) {
        assert_eq!(fs::read_to_string(&self.victim).unwrap(), WORDS, "{what}");
        assert!(!self.victim.with_extension("new").exists(), "{what}");
    }
}

#[test]
fn foreign_files_are_neither_followed_nor_written_to() {
    for suffix in ["", ".lock", "-wal", "-shm", "-journal"] {
        for (what, put, why) in LINKS.into_iter().chain(OTHERS) {
            let scene = Scene::new();
            put(&scene.at(suffix), &scene.victim);
            let (message, what) = (refusal(&scene.database), format!("{what} at `{suffix}`"));
            let is_explained =
                message.contains(why) || message.contains("not a regular file") || message.contains("Is a directory");
            assert!(is_explained && message.contains(&format!("saggar.db{suffix}")), "{what}: {message}");
            scene.check(&what);
        }
    }
}

#[test]
fn a_foreign_file_is_not_accepted_as_a_lock_file() {
    let scene = Scene::new();
    fs::rename(&scene.victim, scene.at(".lock")).unwrap();
    assert!(refusal(&scene.database).contains("not a lock file"));
    assert_eq!(fs::read_to_string(scene.at(".lock")).unwrap(), WORDS);
    // A lock file that an earlier host wrote in part, on a full disk, is accepted.
    fs::write(scene.at(".lock"), "proc").unwrap();
    open(&scene.database).unwrap();
}

#[tokio::test]
async fn a_link_at_the_name_of_a_temporary_file_is_removed_and_not_followed() {
    for (what, put, _) in LINKS {
        let scene = Scene::new();
        put(&scene.at(".probe"), &scene.victim);
        let store = open(&scene.database).unwrap();
        add(&store).await;
        let copy = scene.directory.path().join("copy.db");
        put(&scene.directory.path().join("copy.db.part"), &scene.victim);
        store.backup(&copy).await.unwrap();
        scene.check(what);
        assert_eq!(mode(&copy), 0o600);
        put(&scene.directory.path().join("other.db"), &scene.victim);
        let refused = store.backup(&scene.directory.path().join("other.db")).await;
        assert!(matches!(refused, Err(SqliteError::BackupExists { .. })), "{what}: {refused:?}");
        scene.check(what);
        open(&copy).unwrap();
    }
}

#[tokio::test]
async fn other_users_have_no_access_to_a_store() {
    let scene = Scene::new();
    let store = open(&scene.database).unwrap();
    add(&store).await;
    for suffix in ["", "-wal", "-shm", ".lock"] {
        assert_eq!(mode(scene.at(suffix)), 0o600, "{suffix}");
    }
    let copy = scene.directory.path().join("copy.db");
    SqliteStore::copy(&scene.database, &copy).unwrap();
    assert_eq!(mode(copy), 0o600);
}

#[tokio::test]
async fn a_process_opens_a_database_once_whatever_its_name() {
    let scene = Scene::new();
    let store = open(&scene.database).unwrap();
    let linked = scene.directory.path().join("linked");
    symlink(scene.directory.path(), &linked).unwrap();
    assert!(refusal(&linked.join("saggar.db")).contains("another host"), "a directory with another name");
    fs::hard_link(&scene.database, scene.directory.path().join("second.db")).unwrap();
    assert!(refusal(&scene.directory.path().join("second.db")).contains("hard link"));
    add(&store).await;
    fs::remove_file(scene.directory.path().join("second.db")).unwrap();
    let moved = scene.directory.path().join("moved.db");
    fs::rename(&scene.database, &moved).unwrap();
    let message = refusal(&moved);
    assert!(message.contains("another host") && message.contains(&std::process::id().to_string()), "{message}");
    // The store's own locks are unchanged: another process cannot get exclusive access.
    let other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "locker", "--ignored"])
        .env(DATABASE, &moved)
        .output()
        .unwrap();
    assert!(other.status.success(), "{other:?}");
    drop(store);
    open(&moved).unwrap();
}

/// Checks that another program cannot lock out the processes that have the file open.
#[test]
#[ignore = "runs as another test's child"]
fn locker() {
    let db = rusqlite::Connection::open(std::env::var_os(DATABASE).unwrap()).unwrap();
    let mode = db.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0));
    assert!(!mode.is_ok_and(|mode| mode == "delete"), "it had exclusive access to the file");
}

/// A host in its own process.
struct Holder(Child);

impl Holder {
    fn start(database: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "holder", "--ignored", "--nocapture", "--test-threads=1"])
            .env(DATABASE, database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().ends_with("the store is open")));
        Self(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

#[tokio::test]
#[ignore = "runs as another test's child"]
async fn holder() {
    let store = open(Path::new(&std::env::var_os(DATABASE).unwrap())).unwrap();
    add(&store).await;
    writeln!(std::io::stdout(), "\nthe store is open").unwrap();
    std::io::read_to_string(std::io::stdin()).unwrap();
}

#[test]
fn one_host_has_a_database_whatever_its_name() {
    let scene = Scene::new();
    let holder = Holder::start(&scene.database);
    let by_name = format!("process {}", holder.0.id());
    let message = refusal(&scene.database);
    assert!(message.contains(&by_name) && message.contains("since 20"), "{message}");
    fs::remove_file(scene.at(".lock")).unwrap();
    let message = refusal(&scene.database);
    assert!(message.contains("another host") && message.contains(&by_name), "without a lock file: {message}");
    let moved = scene.directory.path().join("moved.db");
    fs::rename(&scene.database, &moved).unwrap();
    let message = refusal(&moved);
    assert!(message.contains("another host") && message.contains(&by_name), "under another name: {message}");
    drop(holder);
}

/// Under another name SQLite would not find the WAL of the process that has the database open.
#[tokio::test]
async fn a_hard_link_to_a_database_that_another_process_holds_is_refused() {
    let scene = Scene::new();
    let holder = Holder::start(&scene.database);
    fs::create_dir(scene.directory.path().join("elsewhere")).unwrap();
    for name in ["second.db", "elsewhere/saggar.db"] {
        let second = scene.directory.path().join(name);
        fs::hard_link(&scene.database, &second).unwrap();
        assert!(refusal(&second).contains("hard link"), "{name}");
        // With the WAL under the other name, too.
        let wal = PathBuf::from(format!("{}-wal", second.display()));
        fs::hard_link(scene.at("-wal"), &wal).unwrap();
        assert!(refusal(&second).contains("hard link"), "{name} and its WAL");
        for link in [second, wal] {
            fs::remove_file(link).unwrap();
        }
        assert!(refusal(&scene.database).contains("another host"), "the first name is still locked");
    }
    drop(holder);
    let store = open(&scene.database).unwrap();
    let rules = Arc::new(Rules::default());
    let task = store.open(&TaskKey::new("default", "bench"), &rules, NOW, Arc::new(())).await.unwrap();
    assert_eq!(task.counts().waiting, 1, "what the holder has added");
}

/// Mounts the database a second time, in a namespace of its own, which needs no root.
#[test]
fn one_host_has_a_database_that_is_mounted_twice() {
    let scene = Scene::new();
    let second = scene.directory.path().join("second.db");
    fs::write(&scene.database, "").unwrap();
    fs::write(&second, "").unwrap();
    let run = "mount --bind \"$SAGGAR_TEST_DATABASE\" \"$1\" && exec \"$0\" --exact mounted --ignored --nocapture";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", run])
        .arg(std::env::current_exe().unwrap())
        .arg(&second)
        .env(DATABASE, &scene.database)
        .output()
        .expect("this test needs `unshare`: install util-linux");
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:#?}");
}

#[tokio::test]
#[ignore = "runs as another test's child"]
async fn mounted() {
    let path = PathBuf::from(std::env::var_os(DATABASE).unwrap());
    let holder = Holder::start(&path);
    let message = refusal(&path.with_file_name("second.db"));
    assert!(message.contains("another host") && message.contains(&holder.0.id().to_string()), "{message}");
}

/// A program with an open transaction keeps a host from starting, and the error names it as the reason.
#[tokio::test]
async fn opening_a_store_that_another_program_has_locked_fails_as_busy() {
    let scene = Scene::new();
    let mut child = Holder::start(&scene.database);
    // Killed, so that a WAL is left.
    child.0.kill().unwrap();
    drop(child);
    let other = rusqlite::Connection::open(&scene.database).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = open(&scene.database).map(drop).unwrap_err();
    assert!(matches!(&refused, SqliteError::Busy { .. }), "{refused:?}");
    assert!(refused.to_string().contains("another program"), "{refused}");
    other.execute_batch("ROLLBACK").unwrap();
    open(&scene.database).unwrap();
}
