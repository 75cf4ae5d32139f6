//! The cost of a durable job in the SQLite store, beside its own floor: SQLite alone doing the same three writes per
//! job (insert, claim, finish), each durable, 512 jobs per commit, same payloads, same disk, same run.
//!
//! `cargo bench -p saggar-queue --bench sqlite [-- DIRECTORY]`; the directory should be on a real disk. With
//! `--backlog` also with a million jobs waiting and ended.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints its results, and may panic if its disk fails"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use saggar_job::{Clock, JobId, Outcome, Status, SystemClock, TaskKey, Timestamp};
use saggar_queue::Queue;
use saggar_store::{
    ClaimedJob, End, Finish, Hint, ListQuery, NewJob, Observer, Retention, Rules, Store, StoreEvent, TaskStore,
};
use saggar_store_sqlite::{Durability, SqliteOptions, SqliteStore};

mod floor;

use floor::{ARGS, Probe, RESPONSE, cpu_ms, floor, fsync, in_fsyncs, median, resident_mb};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let root = arguments
        .iter()
        .find(|argument| !argument.starts_with("--"))
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let wants = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let directory = tempfile::Builder::new().prefix("bench").tempdir_in(root).unwrap();
    let path = |name: &str| directory.path().join(name);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!("SQLite {}, {}", rusqlite::version(), directory.path().display());
    if let Some(seconds) = arguments.iter().find_map(|argument| argument.strip_prefix("--only=")) {
        let store = Arc::new(open(&path("only.db"), Durability::Full));
        let seconds = Duration::from_secs(seconds.parse().unwrap());
        println!("store: {:>9.0} jobs/s", runtime.block_on(load(&store, 2_048, seconds)));
        return;
    }
    let fsync = fsync(&path("fsync"));
    if wants("--alone") {
        println!("disk: {fsync:?}");
        runtime.block_on(both_alone(&path("alone")));
        return;
    }
    println!("disk: one fsync of 4 KiB takes {fsync:?} (p50)");
    let floor = floor(&path("floor.db"), 200);
    println!("floor: {floor:>9.0} jobs/s  SQLite alone, insert + claim + finish, 3 durable commits for 512 jobs");
    for in_flight in [512, 2_048, 8_192] {
        let store = Arc::new(open(&path(&format!("store-{in_flight}.db")), Durability::Full));
        let rate = runtime.block_on(load(&store, in_flight, Duration::from_secs(5)));
        println!("store: {rate:>9.0} jobs/s  {in_flight} in flight; {:.2} of the floor", rate / floor);
    }
    let store = Arc::new(open(&path("normal.db"), Durability::Normal));
    let rate = runtime.block_on(load(&store, 512, Duration::from_secs(3)));
    println!("store: {rate:>9.0} jobs/s  512 in flight, durability normal");
    runtime.block_on(both_alone(&path("alone")));
    if wants("--backlog") {
        runtime.block_on(backlog(&path("backlog.db")));
    }
}

fn now() -> Timestamp {
    SystemClock.now()
}

fn rules() -> Arc<Rules> {
    let retention = Retention { success_ms: 0, failure_ms: 0 };
    Arc::new(Rules { size: usize::MAX, retention, ..Rules::default() })
}

fn open(path: &Path, durability: Durability) -> SqliteStore {
    SqliteStore::open(&SqliteOptions::new(path).with_durability(durability)).unwrap()
}

fn finish(job: &ClaimedJob) -> Finish {
    let end = End::Outcome(Outcome::Success(RESPONSE.into()));
    Finish { id: job.id, run: job.run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 }
}

/// Returns jobs per second. Each of `in_flight` workers adds a job and, in one step, finishes its current job and
/// claims the next. A pruner removes ended jobs.
async fn load(store: &Arc<SqliteStore>, in_flight: usize, time: Duration) -> f64 {
    let rules = rules();
    let (ends, over) = (Arc::new(Ends::default()), Arc::new(AtomicBool::new(false)));
    let observer = Arc::clone(&ends) as Arc<dyn Observer>;
    let task = store.open(&TaskKey::new("default", "bench"), &rules, now(), observer).await.unwrap();
    let done = &ends.0;
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..in_flight {
        let (task, rules, over) = (Arc::clone(&task), Arc::clone(&rules), Arc::clone(&over));
        workers.spawn(async move {
            let args: Arc<str> = ARGS.into();
            let mut current: Option<ClaimedJob> = None;
            while !over.load(Ordering::Relaxed) {
                task.add(vec![NewJob::new(Arc::clone(&args))], &rules, now()).await.unwrap();
                current = match current {
                    None => task.claim(1, now()).await.unwrap().jobs.pop(),
                    Some(job) => task.finish(finish(&job), true, &rules, now()).await.unwrap().next,
                };
            }
        });
    }
    let before = warmed_up(done).await;
    let (start, cpu_before) = (Instant::now(), cpu_ms());
    while start.elapsed() < time {
        if !task.prune(1_024, &rules, now()).await.unwrap().more {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let jobs = (done.load(Ordering::Relaxed) - before) as f64;
    let rate = jobs / start.elapsed().as_secs_f64();
    let (cpu, all) = ((cpu_ms() - cpu_before) as f64, start.elapsed().as_millis() as f64);
    println!(
        "       {:.1} µs of processor time per job, pruning included; {:.2} processors busy",
        cpu * 1_000.0 / jobs,
        cpu / all
    );
    over.store(true, Ordering::Relaxed);
    workers.join_all().await;
    rate
}

/// Counts the durable ends.
#[derive(Default)]
struct Ends(AtomicU64);

impl Observer for Ends {
    fn observe(&self, event: StoreEvent) {
        if matches!(event, StoreEvent::Ended { .. }) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn hint(&self, _hint: Hint) {}
}

async fn warmed_up(done: &AtomicU64) -> u64 {
    while done.load(Ordering::Relaxed) < 20_000 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    done.load(Ordering::Relaxed)
}

/// Measures one job at a time: through the store, and through a queue in which a slot waits for it.
async fn both_alone(path: &Path) {
    let (store, probe) =
        (open(&path.with_extension("db"), Durability::Full), Probe::new(&path.with_extension("probe")));
    println!("one job alone, add to finished: {}", alone(&store, &probe).await);
    println!("one job alone with a slot waiting, add to SUCCESS: {}", queued_alone(store, &probe).await);
}

async fn queued_alone(store: SqliteStore, probe: &Probe) -> String {
    let queue = Queue::new(Arc::new(store), Arc::new(SystemClock));
    let task = queue.open(TaskKey::new("default", "queued"), Rules::default()).await.unwrap();
    let for_slot = Arc::clone(&task);
    let mut slot = tokio::task::JoinSet::new();
    slot.spawn(async move {
        let mut next = None;
        loop {
            let claim = match next.take() {
                Some(claim) => claim,
                None => for_slot.claim().await.unwrap(),
            };
            (_, next) = for_slot.finish_and_claim(claim, Outcome::Success(RESPONSE.into())).await.unwrap();
        }
    });
    let (mut times, mut fsyncs) = (Vec::new(), Vec::new());
    for at in 0..300 {
        fsyncs.push(probe.fsync(at));
        let start = Instant::now();
        let id = task.add(NewJob::new(ARGS)).await.unwrap();
        assert_eq!(task.wait(id).await.unwrap().status(), Status::Success);
        times.push(start.elapsed());
    }
    slot.shutdown().await;
    in_fsyncs(times, fsyncs)
}

async fn alone(store: &SqliteStore, probe: &Probe) -> String {
    let rules = rules();
    let task = store.open(&TaskKey::new("default", "alone"), &rules, now(), Arc::new(())).await.unwrap();
    let (mut added, mut claimed, mut all, mut fsyncs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for at in 0..300 {
        fsyncs.push(probe.fsync(at));
        let start = Instant::now();
        task.add(vec![NewJob::new(ARGS)], &rules, now()).await.unwrap();
        added.push(start.elapsed());
        let job = task.claim(1, now()).await.unwrap().jobs.pop().unwrap();
        claimed.push(start.elapsed());
        task.finish(finish(&job), false, &rules, now()).await.unwrap();
        // Returns once the end is durable.
        assert!(task.get(job.id).await.unwrap().is_some());
        all.push(start.elapsed());
    }
    println!("one job alone: added after {:?}, claimed after {:?} (p50)", median(added), median(claimed));
    in_fsyncs(all, fsyncs)
}

/// Measures with a million jobs waiting, and then with a million ended.
async fn backlog(path: &Path) {
    let rules = rules();
    let key = TaskKey::new("default", "bench");
    let store = Arc::new(open(path, Durability::Full));
    let none = load(&store, 2_048, Duration::from_secs(5)).await;
    println!("backlog of   few: {none:>9.0} jobs/s  2048 in flight");
    let task = store.open(&key, &rules, now(), Arc::new(())).await.unwrap();
    let start = Instant::now();
    for _ in 0..1_000 {
        task.add(vec![NewJob::new(ARGS); 1_000], &rules, now()).await.unwrap();
    }
    println!("a million jobs added in batches of 1000: {:?}", start.elapsed());
    let many = load(&store, 2_048, Duration::from_secs(10)).await;
    println!(
        "backlog of   1 M: {many:>9.0} jobs/s  {:.2} of that with few; resident {} MB",
        many / none,
        resident_mb(std::process::id())
    );
    lookups(&store, &*task, "1 M waiting").await;
    drop((task, store));
    let start = Instant::now();
    let store = Arc::new(open(path, Durability::Full));
    let task = store.open(&key, &rules, now(), Arc::new(())).await.unwrap();
    println!("start with 1 M waiting: {:?}", start.elapsed());
    loop {
        let claimed = task.claim(2_048, now()).await.unwrap().jobs;
        if claimed.is_empty() {
            break;
        }
        let mut finishing = tokio::task::JoinSet::new();
        for job in claimed {
            let (task, rules) = (Arc::clone(&task), Arc::clone(&rules));
            finishing.spawn(async move { task.finish(finish(&job), false, &rules, now()).await.map(drop) });
        }
        finishing.join_all().await.into_iter().for_each(|finished| finished.unwrap());
    }
    lookups(&store, &*task, "1 M ended").await;
    let start = Instant::now();
    task.prune(1_024, &rules, now()).await.unwrap();
    println!("1 M ended: 1024 pruned in {:?}; resident {} MB", start.elapsed(), resident_mb(std::process::id()));
    let copy = path.with_extension("copy");
    let start = Instant::now();
    store.backup(&copy).await.unwrap();
    println!("copied in {:?}, {} MB", start.elapsed(), std::fs::metadata(&copy).unwrap().len() / 1_000_000);
    drop((task, store));
    let start = Instant::now();
    drop(open(path, Durability::Full));
    println!("start with 1 M ended: {:?}", start.elapsed());
}

async fn lookups(store: &SqliteStore, task: &dyn TaskStore, what: &str) {
    let query = ListQuery::of_tenant("default");
    for status in [None, Some(Status::Waiting), Some(Status::Running), Some(Status::Success), Some(Status::Failure)] {
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..20 {
            let start = Instant::now();
            found = store
                .list(&ListQuery { statuses: status.into_iter().collect(), ..query.clone() })
                .await
                .unwrap()
                .jobs
                .len();
            times.push(start.elapsed());
        }
        println!("{what}: a page of {found} ({status:?}) in {:?} (p50)", median(times));
    }
    let start = Instant::now();
    let counts = task.counts();
    println!("{what}: counts in {:?}: {} waiting, {} success", start.elapsed(), counts.waiting, counts.success);
    assert!(task.get(JobId(u64::MAX)).await.unwrap().is_none());
}
