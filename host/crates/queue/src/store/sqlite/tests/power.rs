//! Power cuts, and what a disk has to do with answers. A sync is over when everything that was written before it is on the disk;
//! so the least that a power cut leaves is what had been written when the last sync began that is over.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::poll;
use parking_lot::Mutex;

use super::super::lock::beside;
use super::super::sync::Disk;
use super::undone::Gate;
use super::*;
use crate::{Added, Ended};

const NOW: Timestamp = Timestamp(1);
/// Who adds and finishes at once, and how often the power is cut on them.
const TURNS: u64 = 20;
const CUTS: usize = 50;
/// Where a checkpoint would begin, which these images know nothing of: in pages of the WAL, and bytes of each.
const CHECKPOINT: u64 = 8_192;
const PAGE: u64 = 4_096 + 24;

fn key() -> TaskKey {
    TaskKey::new("default", "bench")
}

fn rules() -> Arc<Rules> {
    Arc::new(Rules { size: usize::MAX, ..Rules::default() })
}

/// What was answered: jobs that were added, and jobs whose end has lasted.
#[derive(Debug, Clone, Default)]
struct Said {
    added: HashSet<u64>,
    lasted: HashSet<u64>,
}

/// A power cut.
struct Cut {
    /// The store's files, as they are on the disk.
    image: PathBuf,
    /// What had been said by then.
    said: Said,
    /// The last id that had been written.
    written: u64,
}

/// A disk on which the power is cut at random, or rather, which remembers what it would be like.
struct CutDisk {
    wal: File,
    database: PathBuf,
    images: PathBuf,
    said: Arc<Mutex<Said>>,
    kept: Arc<Mutex<Kept>>,
    has_enough: Arc<AtomicBool>,
}

struct Kept {
    chance: fastrand::Rng,
    /// What was written before the last sync began, if that was looked at.
    last: Option<PathBuf>,
    cuts: Vec<Cut>,
}

impl Disk for CutDisk {
    fn sync(&self) -> std::io::Result<()> {
        let mut kept = self.kept.lock();
        // The power is cut while this one is under way.
        if let Some(image) = kept.last.take() {
            let written = rusqlite::Connection::open(&self.database)
                .and_then(|db| db.query_row("SELECT coalesce(max(id), 0) FROM ids", [], |row| row.get::<_, i64>(0)));
            let written = written.map_err(std::io::Error::other)? as u64;
            let said = self.said.lock().clone();
            kept.cuts.push(Cut { image, said, written });
        }
        let is_enough = kept.cuts.len() >= CUTS;
        self.has_enough.store(is_enough, Ordering::Relaxed);
        let image = if !is_enough && kept.chance.bool() { Some(self.take(kept.cuts.len())?) } else { None };
        self.wal.sync_data()?;
        kept.last = image;
        Ok(())
    }
}

impl CutDisk {
    /// Takes an image of the files.
    fn take(&self, number: usize) -> std::io::Result<PathBuf> {
        let (image, part) = (self.images.join(number.to_string()), self.images.join("part"));
        fs::create_dir(&part)?;
        for suffix in ["", "-wal"] {
            fs::copy(beside(&self.database, suffix), beside(&part.join("saggar.db"), suffix))?;
        }
        fs::rename(&part, &image)?;
        Ok(image)
    }
}

/// Adds and finishes until the power was cut often enough.
async fn work(task: Arc<dyn TaskStore>, said: Arc<Mutex<Said>>, has_enough: Arc<AtomicBool>, seed: u64) {
    let (mut chance, rules) = (fastrand::Rng::with_seed(seed), rules());
    while !has_enough.load(Ordering::Relaxed) {
        let jobs = vec![NewJob::new("[\"some words\"]"); chance.usize(1..4)];
        let lasted = {
            let said = Arc::clone(&said);
            Box::new(move |jobs: Vec<Added>| {
                for added in jobs {
                    assert!(said.lock().added.insert(added.id.0), "{} was given twice", added.id);
                }
            })
        };
        // What is claimed with the adding runs and may end before that has lasted.
        let most = chance.usize(0..3);
        let mut claimed = task.add_and_claim(jobs, most, &rules, NOW, lasted).await.unwrap().jobs;
        claimed.extend(task.claim(chance.usize(0..4), NOW).await.unwrap().jobs);
        while let Some(job) = claimed.pop() {
            let lasted = {
                let said = Arc::clone(&said);
                Arc::new(move |_: Ended| said.lock().lasted.extend([job.id.0]))
            };
            let end = End::Outcome(Outcome::Success("1".into()));
            let (id, run) = (job.id, job.run);
            let finish = Finish { id, run, end, progress: None, cost: None, shows: false, chance: 0.5 };
            // With a next one the answer comes before the end has lasted.
            let claim_next = chance.u8(0..4) == 0;
            claimed.extend(task.finish(finish, claim_next, &rules, NOW, lasted).await.unwrap().next);
        }
    }
}

/// Looks at what the next host finds after a cut; answers the highest id there.
async fn check(cut: &Cut) -> u64 {
    let file = cut.image.join("saggar.db");
    let store = SqliteStore::open(&SqliteOptions::new(&file)).unwrap();
    let task = store.open(&key(), &rules(), NOW).await.unwrap();
    let db = rusqlite::Connection::open(&file).unwrap();
    assert_eq!(db.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap(), "ok");
    let mut statement = db.prepare("SELECT id, standing = 4 FROM jobs").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, bool>(1)?))).unwrap();
    let jobs: Vec<(u64, bool)> = rows.map(Result::unwrap).collect();
    let there: HashMap<u64, bool> = jobs.iter().copied().collect();
    assert_eq!(there.len(), jobs.len(), "an id is there twice");
    let Said { added, lasted } = &cut.said;
    let lost: Vec<_> = added.iter().filter(|id| !there.contains_key(id)).collect();
    assert!(lost.is_empty(), "added, answered and lost: {lost:?}");
    let undone: Vec<_> = lasted.iter().filter(|id| there.get(id) != Some(&true)).collect();
    assert!(undone.is_empty(), "ended, told and lost: {undone:?}");
    let counts = task.counts();
    let ended = jobs.iter().filter(|(_, has_ended)| *has_ended).count();
    assert_eq!((counts.running, counts.success, counts.failure), (0, ended, 0));
    assert_eq!((counts.waiting + ended, counts.added), (jobs.len(), jobs.len() as u64));
    let next = task.add(vec![NewJob::new("[]")], &rules(), NOW).await.unwrap()[0].id.0;
    assert!(!added.contains(&next) && !there.contains_key(&next), "{next} was given twice");
    there.into_keys().max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_answered_is_lost_when_the_power_is_cut() {
    let directory = tempfile::tempdir().unwrap();
    let (database, images) = (directory.path().join("saggar.db"), directory.path().join("images"));
    fs::create_dir(&images).unwrap();
    let (said, has_enough) = (Arc::<Mutex<Said>>::default(), Arc::<AtomicBool>::default());
    let kept = Kept { chance: fastrand::Rng::with_seed(7), last: None, cuts: Vec::new() };
    let kept = Arc::new(Mutex::new(kept));
    let store = SqliteStore::open_on(&SqliteOptions::new(&database), |wal| {
        let (said, kept, has_enough) = (Arc::clone(&said), Arc::clone(&kept), Arc::clone(&has_enough));
        Box::new(CutDisk { wal, database: database.clone(), images, said, kept, has_enough })
    });
    let store = store.unwrap();
    let task = store.open(&key(), &rules(), NOW).await.unwrap();
    let mut workers = tokio::task::JoinSet::new();
    for seed in 0..TURNS {
        workers.spawn(work(Arc::clone(&task), Arc::clone(&said), Arc::clone(&has_enough), seed));
    }
    workers.join_all().await;
    let length = fs::metadata(beside(&database, "-wal")).unwrap().len();
    assert!(length < CHECKPOINT * PAGE, "a WAL of {length} bytes may have been brought into the database");
    drop((task, store));
    let (mut thrown_away, mut lasted) = (0, 0);
    let cuts = std::mem::take(&mut kept.lock().cuts);
    for cut in &cuts {
        thrown_away += usize::from(check(cut).await < cut.written);
        lasted += usize::from(!cut.said.lasted.is_empty());
        fs::remove_dir_all(&cut.image).unwrap();
    }
    assert_eq!(cuts.len(), CUTS);
    assert!(thrown_away > 0, "whatever was written was there, so no power was cut");
    assert!(lasted > 0, "no job had ended by then");
}

#[tokio::test]
async fn nothing_is_answered_before_its_sync_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let (store, pace) = disks::slow_store(&directory);
    let rules = rules();
    let task = store.open(&key(), &rules, NOW).await.unwrap();
    pace.slow_down();
    // One that comes alone is synced by the writer itself, many are by the thread.
    for count in [1, 9] {
        let writer = store.inner.writer().unwrap();
        let gate = Gate::close(writer).await;
        let mut addings: Vec<_> =
            (0..count).map(|_| Box::pin(task.add(vec![NewJob::new("[]")], &rules, NOW))).collect();
        for adding in &mut addings {
            assert!(poll!(adding).is_pending());
        }
        gate.open().await;
        pace.sync_begun();
        for adding in &mut addings {
            assert!(poll!(adding).is_pending(), "it was answered before it was on the disk");
        }
        pace.end_sync();
        for adding in addings {
            adding.await.unwrap();
        }
    }
    assert_eq!(task.counts().added, 10);
}
