//! Readers: a few threads with a read-only connection each. A lookup is one query or a few short ones. No lookup keeps
//! a snapshot for longer, so the WAL can always be reset.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, params};
use saggar_job::{FailureKind, JobId, Run, State};
use saggar_tenant::{FairSemaphore, Flow};
use tokio::sync::{mpsc, oneshot};

use super::connect;
use super::disk::Database;
use super::error::SqliteError;
use super::number::{JobNumber, from_i64, from_millis, to_i64};
use super::record::{
    CANCELLING, ENDED, HAS_ATTEMPTS, HAS_DETAILS, HAS_LOG, LONG_ARGS, LONG_RESPONSE, Record, component_of,
};
use super::shared::{Live, Shared};
use super::sync::{Answer, Syncer};
use super::task_state::given_up::callbacks;
use super::task_state::keeping::{MOST_ATTEMPTS, budget, line};
use super::task_state::recordings;
use saggar_store::{AttemptRecord, Attempts, Cost, End, History, Job, Peek, Recording, kept_bytes};

/// Threads: cached lookups take microseconds, and a disk serves a few at a time well.
const THREADS: usize = 3;
/// Lookups that the threads have, so that each finds the next one when it has done one. Others wait for a place, and
/// tenants get the free ones by weight.
const PLACES: usize = 2 * THREADS;
/// What a lookup is charged until it is done.
const ESTIMATE: Duration = Duration::from_micros(100);

type Lookup = Box<dyn FnOnce(&Connection) + Send>;

pub(super) struct Readers {
    lookups: mpsc::UnboundedSender<Lookup>,
    places: FairSemaphore,
    syncer: Option<Arc<Syncer>>,
}

impl Readers {
    pub(super) fn start(
        database: &Database,
        syncer: Option<Arc<Syncer>>,
    ) -> Result<(Self, Vec<JoinHandle<()>>), SqliteError> {
        // Unbounded, because lookups wait for a place before they are sent.
        let (lookups, waiting) = mpsc::unbounded_channel::<Lookup>();
        let waiting = Arc::new(Mutex::new(waiting));
        let mut threads = Vec::new();
        for number in 1..=THREADS {
            let (db, waiting) = (connect::for_reading(database)?, Arc::clone(&waiting));
            let body = move || {
                loop {
                    let next = waiting.lock().blocking_recv();
                    let Some(lookup) = next else { return };
                    lookup(&db);
                }
            };
            threads.push(super::threads::spawn(&database.path, &format!("saggar-read-{number}"), body)?);
        }
        Ok((Self { lookups, places: FairSemaphore::by_time(PLACES, ESTIMATE), syncer }, threads))
    }

    /// Runs a lookup of `flow` on a reader thread, and waits for its result.
    pub(super) async fn query<T: Send + 'static>(
        &self,
        flow: &Flow,
        lookup: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, SqliteError> {
        let (reply, replied) = oneshot::channel();
        let syncer = self.syncer.clone();
        let mut place = self.places.acquire(flow, 1).await;
        let lookup: Lookup = Box::new(move |db| {
            let began = Instant::now();
            // A panicking lookup has changed nothing and its snapshot is released, so the thread continues. If the last
            // thread ended, every lookup would wait forever.
            let found = match catch_unwind(AssertUnwindSafe(|| lookup(db))) {
                Ok(found) => found.map_err(|source| SqliteError::Read { source: Arc::new(source) }),
                Err(_) => Err(SqliteError::Panicked),
            };
            place.set_time(began.elapsed());
            drop(place);
            let answer: Answer = Box::new(move |fate: Result<(), SqliteError>| drop(reply.send(fate.and(found))));
            match syncer {
                Some(syncer) => syncer.send_read(answer),
                None => answer(Ok(())),
            }
        });
        self.lookups.send(lookup).map_err(|_| SqliteError::Closed)?;
        replied.await.unwrap_or(Err(SqliteError::Closed))
    }
}

/// Returns a job in its current state.
pub(super) fn job(db: &Connection, shared: &Shared, id: JobId) -> rusqlite::Result<Option<Job>> {
    let Some((record, _)) = record(db, shared, id)? else { return Ok(None) };
    let callbacks = callbacks(db, &record)?;
    Ok(Some(record.into_job(callbacks)))
}

/// Returns a job in its current state if its texts have at most `most` bytes.
pub(super) fn peek(db: &Connection, shared: &Shared, id: JobId, most: u64) -> rusqlite::Result<Option<Peek>> {
    let Some(number) = number(db, shared, id)? else { return Ok(None) };
    let (bytes, has_ended) = text_bytes(db, shared.task.job(number))?;
    if bytes > most {
        return Ok(Some(Peek::Large { bytes, has_ended }));
    }
    Ok(job(db, shared, id)?.map(Peek::Job))
}

/// Returns the bytes of a job's large texts without reading them, and whether it has ended.
fn text_bytes(db: &Connection, job: JobNumber) -> rusqlite::Result<(u64, bool)> {
    let sql = "SELECT flags, stage, coalesce(octet_length(args), 0) + coalesce(octet_length(response), 0) \
         FROM jobs WHERE job = ?1";
    let mut statement = db.prepare_cached(sql)?;
    let found = statement.query_row([job.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    let Some((flags, stage, short)): Option<(i64, i64, i64)> = found else { return Ok((0, false)) };
    let mut bytes = from_i64(short);
    for (flag, sql) in [
        (LONG_ARGS, "SELECT octet_length(text) FROM long_args WHERE job = ?1"),
        (LONG_RESPONSE, "SELECT octet_length(text) FROM long_responses WHERE job = ?1"),
        (HAS_DETAILS, "SELECT coalesce(octet_length(details), 0) FROM details WHERE job = ?1"),
    ] {
        if flags & flag != 0 {
            let more: Option<i64> = db.prepare_cached(sql)?.query_row([job.0], |row| row.get(0)).optional()?;
            bytes += more.map_or(0, from_i64);
        }
    }
    Ok((bytes, stage >= ENDED))
}

/// Returns the bytes of a job's texts, its log and its recordings, without reading them.
pub(super) fn bytes(db: &Connection, shared: &Shared, id: JobId) -> rusqlite::Result<Option<u64>> {
    let Some(number) = number(db, shared, id)? else { return Ok(None) };
    let job = shared.task.job(number);
    let (texts, _) = text_bytes(db, job)?;
    let log = budget(db, job)?.as_ref().map_or(0, kept_bytes::of_log);
    Ok(Some(texts + log + recordings::bytes(db, job)?))
}

fn number(db: &Connection, shared: &Shared, id: JobId) -> rusqlite::Result<Option<u64>> {
    let mut statement = db.prepare_cached("SELECT number FROM ids WHERE task = ?1 AND id = ?2")?;
    let number: Option<i64> = statement.query_row(params![shared.task.0, to_i64(id.0)], |row| row.get(0)).optional()?;
    Ok(number.map(from_i64))
}

fn record(db: &Connection, shared: &Shared, id: JobId) -> rusqlite::Result<Option<(Record, bool)>> {
    let Some(number) = number(db, shared, id)? else { return Ok(None) };
    // First the running attempts, then the row: if the attempt has ended in between, the row has its fence and is
    // newer. In the opposite order a job could seem to wait although its claim was answered long ago.
    let live = shared.live(number);
    let Some(mut record) = Record::find(db, shared.task.job(number))? else { return Ok(None) };
    let runs = live.is_some_and(|live| live.run > record.life.run);
    if let Some(live) = live.filter(|_| runs) {
        run(&mut record, live);
    }
    Ok(Some((record, runs)))
}

fn run(record: &mut Record, live: Live) {
    let cancelling = live.cancelling || record.flags & CANCELLING != 0;
    record.life.state = State::Running { run: live.run, started_at: live.started_at, cancelling };
    record.life.attempt = live.attempt;
    record.life.run = live.run;
    record.take_progress();
}

/// Returns the recording of an attempt of a job, or of the last one that has one.
pub(super) fn recording(
    db: &Connection,
    shared: &Shared,
    id: JobId,
    run: Option<Run>,
) -> rusqlite::Result<Option<Recording>> {
    match number(db, shared, id)? {
        Some(number) => recordings::recording(db, shared.task.job(number), run),
        None => Ok(None),
    }
}

/// Returns the stored history of a job.
pub(super) fn history(db: &Connection, shared: &Shared, id: JobId) -> rusqlite::Result<Option<History>> {
    // One snapshot for all reads.
    let transaction = db.unchecked_transaction()?;
    let Some((record, _)) = record(db, shared, id)? else { return Ok(None) };
    let mut log = Vec::new();
    if record.flags & HAS_LOG != 0 {
        let mut statement = db.prepare_cached("SELECT at, source, text FROM log_lines WHERE job = ?1 ORDER BY line")?;
        log = statement.query_map([record.job.0], line)?.collect::<Result<_, _>>()?;
        log.extend(budget(db, record.job)?.and_then(|budget| budget.dropped_line()));
    }
    let mut attempts = if record.flags & HAS_ATTEMPTS != 0 { attempts(db, record.job)? } else { Vec::new() };
    attempts.extend(last(&record));
    if attempts.len() as u64 > MOST_ATTEMPTS {
        attempts.remove(Attempts::FIRST);
    }
    transaction.finish()?;
    Ok(Some(History { log, attempts }))
}

/// Returns the attempt that ended a job in success, which is part of its row.
fn last(record: &Record) -> Option<AttemptRecord> {
    let (State::Success { response, ended_at }, Some(last)) = (&record.life.state, &record.last) else { return None };
    let mut life = record.life.clone();
    life.state = State::Running { run: life.run, started_at: last.started_at, cancelling: false };
    let end = End::Outcome(saggar_job::Outcome::Success(response.clone()));
    AttemptRecord::new(&life, &end, last.cost.clone(), *ended_at)
}

fn attempts(db: &Connection, job: JobNumber) -> rusqlite::Result<Vec<AttemptRecord>> {
    let mut statement = db.prepare_cached("SELECT * FROM attempts WHERE job = ?1 ORDER BY run")?;
    let records = statement.query_map([job.0], |row| {
        let problem = match row.get::<_, Option<String>>("code")? {
            Some(code) => Some(Box::new(saggar_job::Problem::new(code, row.get::<_, String>("message")?))),
            None => None,
        };
        let cost = match row.get::<_, Option<i64>>("component")? {
            Some(component) => {
                let (digest, deployment) = component_of(db, component)?;
                Some(Cost {
                    digest,
                    deployment,
                    cpu: std::time::Duration::from_nanos(from_i64(row.get("cpu_ns")?)),
                    peak_memory: from_i64(row.get("peak_memory")?),
                    fresh: row.get("fresh")?,
                })
            }
            None => None,
        };
        let ending = row.get_ref("ending")?.as_str()?;
        Ok(AttemptRecord {
            number: row.get("number")?,
            run: Run(from_i64(row.get("run")?)),
            started_at: from_millis(row.get("started_at")?),
            ended_at: from_millis(row.get("ended_at")?),
            ending: saggar_job::Ending::from_name(ending).unwrap_or(saggar_job::Ending::Failed(FailureKind::Lost)),
            problem,
            cost,
        })
    })?;
    records.collect()
}
