//! The floor of the durable benchmarks: the cost of the disk and of SQLite alone, for the same payloads.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic if its disk fails")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use saggar_job::{Clock, SystemClock};

/// The arguments of a job.
pub(crate) const ARGS: &str = "[\"ada@example.org\",{\"subject\":\"hello\"}]";
/// The response of its processor.
pub(crate) const RESPONSE: &str = "{\"sent\":true}";
/// Jobs per commit.
const BATCH: u64 = 512;

/// Returns the median.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// A file that measures the current speed of its disk: shared disks vary from one second to the next.
pub(crate) struct Probe(File);

impl Probe {
    pub(crate) fn new(path: &Path) -> Self {
        let file = File::create_new(path).unwrap();
        file.write_all_at(&[1; 1 << 20], 0).unwrap();
        file.sync_all().unwrap();
        Self(file)
    }

    /// Returns how long the disk takes to overwrite and sync 4 KiB.
    pub(crate) fn fsync(&self, at: u64) -> Duration {
        self.0.write_all_at(&[2; 4096], at * 4096 % (1 << 20)).unwrap();
        let start = Instant::now();
        self.0.sync_data().unwrap();
        start.elapsed()
    }
}

/// Returns how long this disk takes to overwrite and sync 4 KiB (p50).
pub(crate) fn fsync(path: &Path) -> Duration {
    let probe = Probe::new(path);
    median((0..200).map(|at| probe.fsync(at)).collect())
}

/// Formats times that were measured side by side with the disk: both medians, and the first in units of the second.
pub(crate) fn in_fsyncs(times: Vec<Duration>, fsyncs: Vec<Duration>) -> String {
    let (time, fsync) = (median(times), median(fsyncs));
    format!("{time:?} (p50), {:.2} fsyncs of {fsync:?}", time.as_secs_f64() / fsync.as_secs_f64())
}

/// Returns the jobs per second of SQLite alone: insert, claim and finish, each durable, 512 jobs per commit.
pub(crate) fn floor(path: &Path, batches: u64) -> f64 {
    let db = Connection::open(path).unwrap();
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA mmap_size = 0; PRAGMA cache_size = -32768;
         CREATE TABLE jobs (task INTEGER, id INTEGER, state INTEGER, priority INTEGER, added_at INTEGER, attempt INTEGER,
             run INTEGER, started_at INTEGER, ended_at INTEGER, args TEXT, response TEXT, PRIMARY KEY (task, id)) WITHOUT ROWID;
         CREATE INDEX ready ON jobs (task, priority, id) WHERE state = 0;",
    )
    .unwrap();
    let run = |sql: &str, each: &dyn Fn(&mut rusqlite::CachedStatement<'_>, u64), batch: u64| {
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut statement = db.prepare_cached(sql).unwrap();
        (1..=BATCH).for_each(|at| each(&mut statement, batch * BATCH + at));
        db.execute_batch("COMMIT").unwrap();
    };
    let start = Instant::now();
    for batch in 0..batches {
        let sql = "INSERT INTO jobs (task, id, state, priority, added_at, attempt, run, args) VALUES (1, ?1, 0, 0, ?2, 0, 0, ?3)";
        run(
            sql,
            &|statement, id| {
                statement.execute(params![id as i64, SystemClock.now().0 as i64, ARGS]).unwrap();
            },
            batch,
        );
        let sql = "UPDATE jobs SET state = 1, attempt = attempt + 1, run = run + 1, started_at = ?2 WHERE task = 1 AND id = ?1";
        run(
            sql,
            &|statement, id| {
                statement.execute(params![id as i64, SystemClock.now().0 as i64]).unwrap();
            },
            batch,
        );
        let sql = "UPDATE jobs SET state = 2, ended_at = ?2, response = ?3 WHERE task = 1 AND id = ?1";
        run(
            sql,
            &|statement, id| {
                statement.execute(params![id as i64, SystemClock.now().0 as i64, RESPONSE]).unwrap();
            },
            batch,
        );
    }
    (batches * BATCH) as f64 / start.elapsed().as_secs_f64()
}

/// Returns the resident memory of a process in megabytes.
pub(crate) fn resident_mb(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_000
}

/// Returns the processor time of this process in milliseconds.
pub(crate) fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10
}
