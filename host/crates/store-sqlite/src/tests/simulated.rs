//! Histories of a store on a simulated disk: failing syncs and writes, killed processes and power cuts, one after the
//! other. Everything that was answered must be there afterwards, and the file must not be damaged.

use std::collections::HashMap;
use std::fs;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use parking_lot::Mutex;

use super::super::disk::Medium;
use super::load::{Load, Observed, check};
use super::*;
use saggar_store::AddError;

mod disk;
mod promises;
#[expect(unsafe_code, reason = "SQLite's VFS is a C interface")]
mod vfs;

use disk::{Plan, SimulatedDisk};
use vfs::SimulatedWal;

const NOW: Timestamp = Timestamp(1);
/// Histories per run of the tests, and processes per history.
const HISTORIES: u64 = 24;
const PROCESSES: usize = 10;
/// Pages of the WAL from which on a checkpoint is made: often, sometimes, never.
const CHECKPOINTS: [i32; 3] = [40, 300, 8_192];
const DATABASE: &str = "saggar.db";

/// A machine whose store is on a simulated disk.
struct Machine {
    directory: TempDir,
    disk: SimulatedDisk,
    checkpoint_pages: i32,
}

impl Machine {
    fn new(seed: u64) -> Self {
        let (directory, disk) = (tempfile::tempdir().unwrap(), SimulatedDisk::new(seed));
        vfs::mount(&directory.path().canonicalize().unwrap(), &disk);
        Self { directory, disk, checkpoint_pages: CHECKPOINTS[seed as usize % CHECKPOINTS.len()] }
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join(DATABASE)
    }

    /// Starts a process that opens the store, when no other one is running.
    fn start(&self, plan: Plan) -> Result<SqliteStore, SqliteError> {
        let visible: HashMap<String, Vec<u8>> = self.disk.begin(plan).into_iter().collect();
        for name in [DATABASE, "saggar.db-wal", "saggar.db-journal"] {
            let path = self.directory.path().join(name);
            match visible.get(name) {
                Some(bytes) if fs::read(&path).ok().as_ref() == Some(bytes) => {}
                Some(bytes) => fs::write(path, bytes).unwrap(),
                None => drop(fs::remove_file(path)),
            }
        }
        let disk = self.disk.clone();
        let disk = move |file| Arc::new(SimulatedWal::new(file, &disk, "saggar.db-wal")) as Arc<dyn super::super::Disk>;
        let limits = Limits { checkpoint_pages: self.checkpoint_pages, ..Limits::for_tests() };
        let medium = Medium { vfs: Some(vfs::NAME), disk };
        let store = SqliteStore::open_on(&SqliteOptions::new(self.path()), medium, limits)?;
        // The process may have died at the end of the opening.
        if self.disk.is_alive() { Ok(store) } else { Err(SqliteError::Closed) }
    }

    /// Checks that everything that was answered is in the file.
    async fn check(&self, store: &SqliteStore, observed: &Mutex<Observed>) {
        let observed = observed.lock().clone();
        check(store, &self.path(), &observed).await;
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        vfs::unmount(&self.directory.path().canonicalize().unwrap());
    }
}

fn key() -> TaskKey {
    TaskKey::new("default", "bench")
}

/// Chooses the fault of a process.
fn planned(chance: &mut fastrand::Rng) -> Plan {
    let mut plan = Plan::default();
    match chance.u8(0..6) {
        0 | 1 => plan.sync = Some(("-wal", chance.u32(0..60))),
        2 => plan.sync = Some((".db", chance.u32(0..4))),
        3 => plan.write = Some(("", chance.u32(0..1_500))),
        4 => plan.death = Some(chance.u32(0..1_500)),
        _ => plan.cut = Some(chance.u32(0..1_500)),
    }
    plan
}

/// Chooses the fault of an opening, if any.
fn planned_at_opening(chance: &mut fastrand::Rng) -> Plan {
    let mut plan = Plan::default();
    match chance.u8(0..6) {
        0 => plan.sync = Some(("", chance.u32(0..3))),
        1 => plan.cut = Some(chance.u32(0..40)),
        2 => plan.death = Some(chance.u32(0..20)),
        _ => {}
    }
    plan
}

/// Plays histories one after the other, and reports all that fail. Returns the sum of their results.
async fn play_all<F: Future<Output = usize>>(seeds: std::ops::Range<u64>, play: impl Fn(u64) -> F) -> usize {
    let (mut sum, mut failed) = (0, Vec::new());
    for seed in seeds.clone() {
        match AssertUnwindSafe(play(seed)).catch_unwind().await {
            Ok(played) => sum += played,
            Err(_) => failed.push(seed),
        }
    }
    assert!(failed.is_empty(), "{} of {} histories fail: {failed:?}", failed.len(), seeds.count());
    sum
}

/// Plays a history; returns how many pages failed syncs have left unwritten.
async fn play(seed: u64) -> usize {
    let (machine, mut chance) = (Machine::new(seed), fastrand::Rng::with_seed(seed));
    let observed = Arc::<Mutex<Observed>>::default();
    for process in 0..PROCESSES {
        let Ok(store) = machine.start(planned_at_opening(&mut chance)) else { continue };
        machine.disk.plan(Plan::default());
        machine.check(&store, &observed).await;
        machine.disk.plan(planned(&mut chance));
        let task = store.open(&key(), &super::load::rules(), NOW, Observed::observer(&observed)).await;
        if let Ok(task) = task {
            Load { task, observed: Arc::clone(&observed), steps: 40 }.run(seed * 1_000 + process as u64).await;
        }
        match chance.u8(0..4) {
            0 => machine.disk.kill(),
            1 | 2 => machine.disk.cut(),
            // The process stops regularly.
            _ => {}
        }
        drop(store);
    }
    machine.disk.cut();
    let store = machine.start(Plan::default()).unwrap();
    machine.check(&store, &observed).await;
    machine.disk.phantoms()
}

#[tokio::test]
async fn nothing_answered_is_lost_on_a_disk_that_fails() {
    assert!(play_all(0..HISTORIES, play).await > 0, "no sync failed with unwritten pages");
}

#[tokio::test]
#[ignore = "takes minutes; run after changes of the store: cargo test --release -- --ignored on_a_disk_that_fails"]
async fn nothing_answered_is_lost_on_a_disk_that_fails_in_many_histories() {
    play_all(1_000..4_000, play).await;
}

#[tokio::test]
async fn an_answered_open_is_durable() {
    for seed in 0..HISTORIES {
        let (machine, rules) = (Machine::new(seed), super::load::rules());
        let store = machine.start(Plan::default()).unwrap();
        let task = store.open(&key(), &rules, NOW, Arc::new(())).await.unwrap();
        task.add(vec![NewJob::new("[]"); 3], &rules, NOW).await.unwrap();
        assert_eq!(task.claim(2, NOW).await.unwrap().jobs.len(), 2);
        machine.disk.kill();
        drop((store, task));
        let store = machine.start(Plan::default()).unwrap();
        let losses = Arc::new(Losses::default());
        let task = store.open(&key(), &rules, NOW, Arc::clone(&losses) as _).await.unwrap();
        let lost = losses.count();
        let other = store.open(&TaskKey::new("default", "new"), &rules, NOW, Arc::new(())).await.unwrap();
        machine.disk.cut();
        drop((store, task, other));
        let store = machine.start(Plan::default()).unwrap();
        assert_eq!(store.tasks().await.unwrap().len(), 2, "history {seed}: an opened task is durable");
        let losses = Arc::new(Losses::default());
        let task = store.open(&key(), &rules, NOW, Arc::clone(&losses) as _).await.unwrap();
        assert!(lost <= 2 && losses.count() == 0, "history {seed}: an attempt is lost once");
        assert_eq!(task.counts().waiting, 3);
    }
}

/// Plays a process that cannot sync, then one that can, then a power cut.
async fn play_failed_sync(seed: u64) -> usize {
    let (mut machine, observed) = (Machine::new(seed), Arc::<Mutex<Observed>>::default());
    // A checkpoint would bring the pages into the database.
    machine.checkpoint_pages = i32::MAX;
    for (sync, steps) in [(Some(("-wal", 9)), 30), (None, 3)] {
        let store = machine.start(Plan::default()).unwrap();
        let task = store.open(&key(), &super::load::rules(), NOW, Observed::observer(&observed)).await.unwrap();
        machine.disk.plan(Plan { sync, ..Plan::default() });
        Load { task, observed: Arc::clone(&observed), steps }.run(seed).await;
        assert_eq!(store.has_failed(), sync.is_some());
        machine.disk.kill();
        drop(store);
    }
    machine.disk.cut();
    let store = machine.start(Plan::default()).unwrap();
    machine.check(&store, &observed).await;
    machine.disk.phantoms()
}

#[tokio::test]
async fn pages_of_a_failed_sync_are_rewritten_before_they_are_trusted() {
    let phantoms = play_all(0..HISTORIES, play_failed_sync).await;
    assert!(phantoms > HISTORIES as usize, "syncs failed with few unwritten pages: {phantoms}");
}

/// Plays a process that cannot sync and stops regularly, with a power cut meanwhile.
async fn play_failed_stop(seed: u64) -> usize {
    let (mut machine, observed) = (Machine::new(seed), Arc::<Mutex<Observed>>::default());
    machine.checkpoint_pages = i32::MAX;
    let store = machine.start(Plan::default()).unwrap();
    let task = store.open(&key(), &super::load::rules(), NOW, Observed::observer(&observed)).await.unwrap();
    machine.disk.plan(Plan { sync: Some(("-wal", 9)), ..Plan::default() });
    Load { task, observed: Arc::clone(&observed), steps: 30 }.run(seed).await;
    assert!(store.has_failed());
    machine.disk.plan(Plan { cut: Some(seed as u32), ..Plan::default() });
    drop(store);
    machine.disk.cut();
    let store = machine.start(Plan::default()).unwrap();
    machine.check(&store, &observed).await;
    machine.disk.phantoms()
}

#[tokio::test]
async fn a_store_that_cannot_sync_is_closed_without_loss() {
    assert!(play_all(0..HISTORIES, play_failed_stop).await > 0);
}

/// Jobs on many pages of the file, of which each deletion changes others than the one before.
const SPREAD: usize = 1_500;

/// Plays a process whose checkpoint cannot sync the WAL, and a power cut while it is closed. A connection learns of each
/// failed sync once. So a checkpoint at the end would fail as well, unless the connection that makes it, the writer's, has
/// had its error before: then it would copy pages into the database that the WAL on the disk lacks, and a power cut
/// meanwhile would leave some of them beside old ones. Returns 1 if the store has failed.
async fn play_failed_checkpoint(seed: u64) -> usize {
    let (mut machine, mut chance) = (Machine::new(seed), fastrand::Rng::with_seed(seed));
    machine.checkpoint_pages = CHECKPOINTS[0];
    let (store, rules) = (machine.start(Plan::default()).unwrap(), super::load::rules());
    let task = store.open(&key(), &rules, NOW, Arc::new(())).await.unwrap();
    let mut jobs = task.add(vec![NewJob::new("[]"); SPREAD], &rules, NOW).await.unwrap();
    chance.shuffle(&mut jobs);
    machine.disk.plan(Plan { wal_sync_of_sqlite: Some(chance.u32(0..4)), ..Plan::default() });
    let mut deleted = Vec::new();
    for jobs in jobs.chunks(8) {
        let deletions = jobs.iter().map(|job| task.change(job.id, Change::Delete, &rules, NOW));
        let answers = futures_util::future::join_all(deletions).await;
        deleted.extend(jobs.iter().zip(answers).filter(|(_, answer)| answer.is_ok()).map(|(job, _)| job.id));
        if store.has_failed() {
            break;
        }
    }
    let has_failed = store.has_failed();
    machine.disk.plan(Plan { cut: Some(chance.u32(1..16)), ..Plan::default() });
    drop((store, task));
    machine.disk.cut();
    let store = machine.start(Plan::default()).unwrap();
    let db = rusqlite::Connection::open(machine.path()).unwrap();
    assert_eq!(db.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0)).unwrap(), "ok");
    let task = store.open(&key(), &rules, NOW, Arc::new(())).await.unwrap();
    for id in deleted {
        assert!(task.get(id).await.unwrap().is_none(), "job {id} was deleted");
    }
    usize::from(has_failed)
}

#[tokio::test]
async fn closing_a_failed_store_does_not_checkpoint() {
    let failed = play_all(0..4 * HISTORIES, play_failed_checkpoint).await;
    assert!(failed > HISTORIES as usize, "few stores have failed: {failed}");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_refuses_and_loses_nothing() {
    for seed in 0..HISTORIES {
        let (machine, rules) = (Machine::new(seed), super::load::rules());
        let store = machine.start(Plan::default()).unwrap();
        let task = store.open(&key(), &rules, NOW, Arc::new(())).await.unwrap();
        machine.disk.plan(Plan { full: Some(seed as u32 * 9), ..Plan::default() });
        let mut added = 0;
        let refused = loop {
            match task.add(vec![NewJob::new(&*format!("[\"{}\"]", "x".repeat(9_000)))], &rules, NOW).await {
                Ok(_) => added += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, AddError::Store(StoreError::Full(_))), "history {seed}: {refused:?}");
        machine.disk.plan(Plan::default());
        task.add(vec![NewJob::new("[]")], &rules, NOW).await.unwrap();
        machine.disk.cut();
        drop((store, task));
        let store = machine.start(Plan::default()).unwrap();
        let task = store.open(&key(), &rules, NOW, Arc::new(())).await.unwrap();
        assert_eq!(task.counts().waiting, added + 1, "history {seed}");
    }
}
