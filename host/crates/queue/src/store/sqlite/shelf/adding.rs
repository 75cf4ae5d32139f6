//! Adding jobs: which they are, and their rows.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rusqlite::{OptionalExtension, params};
use saggar_job::{JobId, Life, Status, Timestamp};

use super::super::details::Details;
use super::super::number::{from_i64, to_i64};
use super::super::record::{Due, HAS_NAMES, Record, Spot};
use super::super::statements::Usual;
use super::{Desk, Stepped};
use crate::{AddError, Added, KeyOwner, KeyReuse, Left, NewJob, Rules, StoreEvent, kept_bytes};

/// Kinds of names.
pub(super) const KEY: i64 = 0;
pub(super) const FINGERPRINT: i64 = 1;

/// The job that is answered instead of adding one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Twin {
    /// None: it is added.
    None,
    /// One that is there.
    Kept(JobId),
    /// The one at this position of the same batch.
    Earlier(usize),
}

impl Desk<'_> {
    pub(in super::super) fn add(
        &mut self,
        jobs: Vec<NewJob>,
        rules: &Rules,
        now: Timestamp,
    ) -> Stepped<Vec<Added>, AddError> {
        let twins = self.twins(&jobs)?;
        let reused = self.reused_keys(&jobs, &twins)?;
        if !reused.is_empty() {
            return Ok(Err(AddError::KeyReused(reused)));
        }
        // What is late is ready.
        self.promote(now)?;
        let is_new = |at: usize| twins.get(at).is_none_or(|twin| *twin == Twin::None);
        let new = jobs.iter().enumerate().filter(|(at, _)| is_new(*at)).map(|(_, job)| job);
        if let Err(error) = rules.admit(&self.shelf.counts, new, now) {
            return Ok(Err(error));
        }
        let more = jobs.iter().enumerate().filter(|(at, _)| is_new(*at)).map(|(_, job)| kept_bytes::of_new(job)).sum();
        if let Err(error) = self.check_bytes(more, rules) {
            return Ok(Err(error));
        }
        let added = match self.ids_for(&jobs, &twins)? {
            Ok(added) => added,
            Err(error) => return Ok(Err(error)),
        };
        let (mut ids, mut due) = (Vec::with_capacity(added.len()), Left::Nothing);
        for (added, job) in added.iter().zip(jobs).filter(|(added, _)| added.is_new) {
            ids.push(added.id);
            due = due.or_earlier(job.due_at(now), now);
            self.insert(added.id, job, rules.add_handler, now)?;
        }
        if !ids.is_empty() {
            self.tell(StoreEvent::Added { ids, on_hold: rules.add_handler, due, at: now });
        }
        self.ledger.must_last();
        Ok(Ok(added))
    }

    /// Which jobs they are, if they are added.
    fn ids_for(&self, jobs: &[NewJob], twins: &[Twin]) -> Stepped<Vec<Added>, AddError> {
        let mut last = self.shelf.last_id;
        let mut added: Vec<Added> = Vec::with_capacity(jobs.len());
        let mut given: HashSet<JobId> = HashSet::new();
        for (at, job) in jobs.iter().enumerate() {
            let id = match (twins.get(at), job.id) {
                (Some(Twin::Kept(id)), _) => {
                    added.push(Added { id: *id, is_new: false });
                    continue;
                }
                (Some(Twin::Earlier(at)), _) => {
                    added.push(Added { is_new: false, ..added[*at] });
                    continue;
                }
                (_, Some(JobId(0))) => return Ok(Err(AddError::InvalidId { at })),
                // One above the counter is free without looking.
                (_, Some(id))
                    if given.contains(&id) || (id.0 <= self.shelf.last_id && self.find_number(id)?.is_some()) =>
                {
                    return Ok(Err(AddError::DuplicateId { id, at }));
                }
                (_, Some(id)) => id,
                (_, None) => match last.checked_add(1) {
                    Some(id) => JobId(id),
                    None => return Ok(Err(AddError::IdsExhausted { at })),
                },
            };
            last = last.max(id.0);
            added.push(Added { id, is_new: true });
            if jobs.len() > 1 {
                given.insert(id);
            }
        }
        Ok(Ok(added))
    }

    fn insert(&mut self, id: JobId, mut job: NewJob, held: bool, now: Timestamp) -> rusqlite::Result<()> {
        let run_at = job.due_at(now);
        let number = self.next_number();
        let origin = job.take_origin();
        let has_names = job.key.is_some() || job.unique.is_some();
        let details = (has_names || origin.is_some())
            .then(|| Box::new(Details { progress: None, origin, key: job.key, unique: job.unique }));
        let mut record = Box::new(Record {
            job: self.shelf.task.job(number),
            id,
            life: Life::new(run_at, held),
            spot: Spot::Nowhere,
            due: if held { Due::Added } else { Due::Nothing },
            priority: job.priority,
            added_at: now,
            args: job.args,
            details,
            last: None,
            counted: 0,
            flags: if has_names { HAS_NAMES } else { 0 },
            since: self.ledger.seq,
        });
        if has_names {
            self.enter_names(&record)?;
        }
        let is_plain = !held && record.priority == 0 && run_at <= now;
        if held {
            self.shelf.counts.held += 1;
            self.leave_notice(&record, crate::Lane::Adds)?;
        } else if is_plain {
            record.spot = Spot::Plain;
        } else {
            self.shelf.line.enter(self.db, &mut record, number, run_at, now, self.ledger.seq)?;
            self.shelf.counts.delayed += usize::from(run_at > now);
        }
        if !is_plain {
            self.list(&record, Status::Waiting)?;
        }
        self.put(&mut record, true)?;
        self.usual.usual(Usual::PutId, params![self.shelf.task.0, to_i64(id.0), to_i64(number)])?;
        if is_plain {
            self.shelf.line.enter_plain(record);
        }
        self.shelf.last_id = self.shelf.last_id.max(id.0);
        self.shelf.counts.waiting += 1;
        self.shelf.counts.added += 1;
        Ok(())
    }

    /// The twin of each of the jobs; nothing if none of them has a name, which is the rule.
    fn twins(&self, jobs: &[NewJob]) -> rusqlite::Result<Vec<Twin>> {
        if jobs.iter().all(|job| job.key.is_none() && job.unique.is_none()) {
            return Ok(Vec::new());
        }
        let (mut keys, mut unique) = (HashMap::new(), HashMap::new());
        let mut twins = Vec::with_capacity(jobs.len());
        for (at, job) in jobs.iter().enumerate() {
            let by_key = self.twin(KEY, job.key.as_ref(), &keys)?;
            let twin = match by_key {
                Twin::None => self.twin(FINGERPRINT, job.unique.as_ref(), &unique)?,
                found => found,
            };
            if twin == Twin::None {
                keys.extend(job.key.as_deref().map(|key| (key, at)));
                unique.extend(job.unique.as_deref().map(|fingerprint| (fingerprint, at)));
            }
            twins.push(twin);
        }
        Ok(twins)
    }

    /// The jobs whose keys are in use for other ones.
    fn reused_keys(&self, jobs: &[NewJob], twins: &[Twin]) -> rusqlite::Result<Vec<KeyReuse>> {
        let mut reused = Vec::new();
        for (at, (job, twin)) in jobs.iter().zip(twins).enumerate() {
            let Some(key) = &job.key else { continue };
            let (is_other, of) = match twin {
                Twin::None => continue,
                Twin::Kept(id) => {
                    let kept = self.find(*id)?.filter(|kept| kept.key().as_ref() == Some(key));
                    let is_other =
                        kept.is_some_and(|kept| job.is_other(&kept.args, kept.priority, kept.unique().as_deref()));
                    (is_other, KeyOwner::Kept(*id))
                }
                Twin::Earlier(earlier) => {
                    let other = jobs.get(*earlier).filter(|other| other.key.as_ref() == Some(key));
                    let is_other =
                        other.is_some_and(|other| job.is_other(&other.args, other.priority, other.unique.as_deref()));
                    (is_other, KeyOwner::Earlier(*earlier))
                }
            };
            if is_other {
                reused.push(KeyReuse { at, key: Arc::clone(key), of });
            }
        }
        Ok(reused)
    }

    fn twin(&self, kind: i64, name: Option<&Arc<str>>, earlier: &HashMap<&str, usize>) -> rusqlite::Result<Twin> {
        let Some(name) = name else { return Ok(Twin::None) };
        if let Some(id) = self.holder(kind, name)? {
            return Ok(Twin::Kept(id));
        }
        Ok(earlier.get(&**name).map_or(Twin::None, |at| Twin::Earlier(*at)))
    }

    /// The job that has the name.
    pub(super) fn holder(&self, kind: i64, name: &str) -> rusqlite::Result<Option<JobId>> {
        let sql = "SELECT number FROM names WHERE task = ?1 AND kind = ?2 AND name = ?3";
        let number = self
            .db
            .prepare_cached(sql)?
            .query_row(params![self.shelf.task.0, kind, name], |row| row.get(0))
            .optional()?;
        let Some(number) = number.map(from_i64) else { return Ok(None) };
        let mut statement = self.db.prepare_cached("SELECT id FROM jobs WHERE job = ?1")?;
        let id = statement.query_row([self.shelf.task.job(number).0], |row| row.get(0)).optional()?;
        Ok(id.map(|id| JobId(from_i64(id))))
    }

    pub(super) fn enter_names(&self, record: &Record) -> rusqlite::Result<()> {
        let names = [(KEY, record.key()), (FINGERPRINT, record.unique())];
        for (kind, name) in names.into_iter().filter_map(|(kind, name)| Some((kind, name?))) {
            let mut statement = self.db.prepare_cached("INSERT OR REPLACE INTO names VALUES (?1, ?2, ?3, ?4)")?;
            statement.execute(params![self.shelf.task.0, kind, &*name, to_i64(record.job.number())])?;
        }
        Ok(())
    }

    /// Lets go of a name if it is this job's: by now it may be another's.
    pub(super) fn leave_name(&self, record: &Record, kind: i64) -> rusqlite::Result<()> {
        let name = if kind == KEY { record.key() } else { record.unique() };
        let Some(name) = name else { return Ok(()) };
        let sql = "DELETE FROM names WHERE task = ?1 AND kind = ?2 AND name = ?3 AND number = ?4";
        let number = to_i64(record.job.number());
        self.db.prepare_cached(sql)?.execute(params![self.shelf.task.0, kind, &*name, number]).map(drop)
    }
}
