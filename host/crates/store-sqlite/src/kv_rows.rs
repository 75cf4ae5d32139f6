//! The entries of key-value stores in the file. Nothing of them is in memory, so a batch that is rolled back has to undo
//! nothing.

use rusqlite::{Connection, OptionalExtension, Row, params};
use saggar_job::Timestamp;
use saggar_kv::{
    KvAnswer, KvChange, KvEffect, KvEntry, KvKeys, KvLimits, KvPlan, KvRefusal, KvStored, KvUsage, MOST_EXPIRED, plan,
};
use saggar_store::Pruned;

use super::number::{from_i64, from_millis, millis, to_i64};

/// Finds an entry that has expired at ?2, the first one of the store ?1, with the bytes of its value.
const FIRST_EXPIRED: &str = "SELECT key, octet_length(value) FROM kv WHERE space = ?1 AND expires_at <= ?2 \
     ORDER BY expires_at, key LIMIT 1";

/// Bytes of the longest number that can be incremented, -2^63. No other change needs the value that it replaces.
const LONGEST_NUMBER: i64 = 20;

/// Returns an entry.
pub(super) fn get(db: &Connection, tenant: &str, key: &str, now: Timestamp) -> rusqlite::Result<Option<KvEntry>> {
    let sql = "SELECT value, version, expires_at FROM kv \
               WHERE space = (SELECT space FROM kv_spaces WHERE tenant = ?1) AND key = ?2";
    let found = db.prepare_cached(sql)?.query_row(params![tenant, key], stored).optional()?;
    Ok(found.and_then(|stored| stored.seen(now)))
}

/// Returns keys in the order of their bytes, which is that of SQLite's texts.
pub(super) fn keys(
    db: &Connection,
    tenant: &str,
    (prefix, after, limit): (&str, Option<&str>, u32),
    now: Timestamp,
) -> rusqlite::Result<KvKeys> {
    const FROM: &str = "SELECT key, expires_at FROM kv \
         WHERE space = (SELECT space FROM kv_spaces WHERE tenant = ?1) AND key >= ?2 ORDER BY key";
    const AFTER: &str = "SELECT key, expires_at FROM kv \
         WHERE space = (SELECT space FROM kv_spaces WHERE tenant = ?1) AND key > ?2 ORDER BY key";
    let (sql, from) = match after {
        Some(after) if after >= prefix => (AFTER, after),
        _ => (FROM, prefix),
    };
    let mut statement = db.prepare_cached(sql)?;
    // Rows are read one by one, as far as the search needs them.
    let entries = statement.query_map(params![tenant, from], |row| {
        let expires_at: Option<i64> = row.get(1)?;
        Ok((row.get::<_, String>(0)?, expires_at.is_none_or(|at| now < from_millis(at))))
    })?;
    KvKeys::of(entries, prefix, limit)
}

/// Returns how much a tenant has stored.
pub(super) fn usage(db: &Connection, tenant: &str) -> rusqlite::Result<KvUsage> {
    let sql = "SELECT keys, bytes FROM kv_spaces WHERE tenant = ?1";
    let read = |row: &Row<'_>| Ok(KvUsage { keys: from_i64(row.get(0)?), bytes: from_i64(row.get(1)?) });
    Ok(db.prepare_cached(sql)?.query_row([tenant], read).optional()?.unwrap_or_default())
}

/// Changes an entry.
pub(super) fn change(
    db: &Connection,
    tenant: &str,
    (key, change): (&str, KvChange),
    limits: &KvLimits,
    now: Timestamp,
) -> rusqlite::Result<Result<KvAnswer, KvRefusal>> {
    let mut space = KvSpace::open(db, tenant)?;
    let answer = space.change(key, change, limits, now)?;
    space.write()?;
    Ok(answer)
}

/// Returns whether entries of a tenant have expired and are not removed.
pub(super) fn has_expired(db: &Connection, tenant: &str, now: Timestamp) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM kv \
               WHERE space = (SELECT space FROM kv_spaces WHERE tenant = ?1) AND expires_at <= ?2)";
    db.prepare_cached(sql)?.query_row(params![tenant, millis(now)], |row| row.get(0))
}

/// Removes entries that have expired; returns whether more may be left.
pub(super) fn remove_expired(db: &Connection, tenant: &str, most: usize, now: Timestamp) -> rusqlite::Result<bool> {
    let Some(mut space) = KvSpace::find(db, tenant)? else { return Ok(false) };
    let (mut work, mut more) = (0, true);
    while work < most && more {
        match space.remove_first(now)? {
            Some(bytes) => work += 1 + Pruned::more_work(0, bytes),
            None => more = false,
        }
    }
    space.write()?;
    Ok(more)
}

/// Takes the entries of a tenant out of sight, until [`free`] deletes them.
pub(super) fn forget(db: &Connection, tenant: &str) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE kv_spaces SET tenant = NULL WHERE tenant = ?1")?.execute([tenant]).map(drop)
}

/// Deletes entries of removed tenants with as much work as `most` rows; returns whether more are left.
pub(super) fn free(db: &Connection, most: usize) -> rusqlite::Result<bool> {
    let first = "SELECT space FROM kv_spaces WHERE tenant IS NULL LIMIT 1";
    let Some(space): Option<i64> = db.prepare_cached(first)?.query_row([], |row| row.get(0)).optional()? else {
        return Ok(false);
    };
    let (mut work, mut last) = (0, None::<String>);
    let mut statement = db.prepare_cached("SELECT key, octet_length(value) FROM kv WHERE space = ?1 ORDER BY key")?;
    let mut rows = statement.query([space])?;
    while work < most {
        let Some(row) = rows.next()? else { break };
        last = Some(row.get(0)?);
        work += 1 + Pruned::more_work(0, from_i64(row.get(1)?));
    }
    drop(rows);
    if let Some(last) = last {
        db.prepare_cached("DELETE FROM kv WHERE space = ?1 AND key <= ?2")?.execute(params![space, last])?;
    }
    if work < most {
        db.prepare_cached("DELETE FROM kv_spaces WHERE space = ?1")?.execute([space])?;
    }
    has_removed(db)
}

/// Returns whether there are entries of removed tenants.
pub(super) fn has_removed(db: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM kv_spaces WHERE tenant IS NULL)";
    db.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

fn stored(row: &Row<'_>) -> rusqlite::Result<KvStored> {
    let expires_at: Option<i64> = row.get(2)?;
    Ok(KvStored { value: row.get(0)?, version: from_i64(row.get(1)?), expires_at: expires_at.map(from_millis) })
}

/// The key-value store of a tenant, in one step.
struct KvSpace<'c> {
    db: &'c Connection,
    number: i64,
    usage: KvUsage,
    last_version: u64,
}

impl<'c> KvSpace<'c> {
    /// Returns the tenant's store; `None` if it has none yet.
    fn find(db: &'c Connection, tenant: &str) -> rusqlite::Result<Option<Self>> {
        let sql = "SELECT space, keys, bytes, last_version FROM kv_spaces WHERE tenant = ?1";
        let read = |row: &Row<'_>| {
            let usage = KvUsage { keys: from_i64(row.get(1)?), bytes: from_i64(row.get(2)?) };
            Ok(Self { db, number: row.get(0)?, usage, last_version: from_i64(row.get(3)?) })
        };
        db.prepare_cached(sql)?.query_row([tenant], read).optional()
    }

    /// Returns the tenant's store, and creates it if there is none.
    fn open(db: &'c Connection, tenant: &str) -> rusqlite::Result<Self> {
        if let Some(found) = Self::find(db, tenant)? {
            return Ok(found);
        }
        let sql = "INSERT INTO kv_spaces (tenant, keys, bytes, last_version) VALUES (?1, 0, 0, 0)";
        db.prepare_cached(sql)?.execute([tenant])?;
        Ok(Self { db, number: db.last_insert_rowid(), usage: KvUsage::default(), last_version: 0 })
    }

    fn change(
        &mut self,
        key: &str,
        change: KvChange,
        limits: &KvLimits,
        now: Timestamp,
    ) -> rusqlite::Result<Result<KvAnswer, KvRefusal>> {
        let mut before = self.entry(key)?;
        if let Some((_, bytes)) = before.take_if(|(stored, _)| !stored.is_live(now)) {
            self.remove(key, bytes)?;
        }
        let stored = before.as_ref().map(|(stored, _)| stored);
        let KvPlan { effect, answer } = match plan(change, stored, self.last_version + 1, now) {
            Ok(plan) => plan,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let before = before.map(|(_, bytes)| bytes);
        match effect {
            KvEffect::None => {}
            KvEffect::Remove => self.remove(key, before.unwrap_or_default())?,
            KvEffect::Put(new) => match self.room(key, (before, new.value.len()), limits, now)? {
                Ok(usage) => {
                    self.put(key, &new)?;
                    (self.usage, self.last_version) = (usage, new.version);
                }
                Err(refusal) => return Ok(Err(refusal)),
            },
        }
        Ok(Ok(answer))
    }

    /// Returns an entry and the bytes of its value. A value that is longer than a number is not read and is empty here, so that
    /// changes which find long values do not take more of the writer than their callers are charged.
    fn entry(&self, key: &str) -> rusqlite::Result<Option<(KvStored, usize)>> {
        let sql = "SELECT CASE WHEN octet_length(value) <= ?3 THEN value ELSE x'' END, version, expires_at, \
                   octet_length(value) FROM kv WHERE space = ?1 AND key = ?2";
        let read = |row: &Row<'_>| Ok((stored(row)?, usize::try_from(row.get::<_, i64>(3)?).unwrap_or(usize::MAX)));
        self.db.prepare_cached(sql)?.query_row(params![self.number, key, LONGEST_NUMBER], read).optional()
    }

    /// Returns the usage after a value of `before` bytes is replaced with one of `after`; removes expired entries if there is
    /// no room otherwise.
    fn room(
        &mut self,
        key: &str,
        (before, after): (Option<usize>, usize),
        limits: &KvLimits,
        now: Timestamp,
    ) -> rusqlite::Result<Result<KvUsage, KvRefusal>> {
        let mut removed = 0;
        loop {
            match self.usage.replacing(key, before, after, limits) {
                Err(_) if removed < MOST_EXPIRED && self.remove_first(now)?.is_some() => removed += 1,
                found => return Ok(found),
            }
        }
    }

    fn put(&self, key: &str, new: &KvStored) -> rusqlite::Result<()> {
        let sql = "INSERT INTO kv (space, key, version, expires_at, value) VALUES (?1, ?2, ?3, ?4, ?5) \
                   ON CONFLICT (space, key) DO UPDATE SET \
                   version = excluded.version, expires_at = excluded.expires_at, value = excluded.value";
        let (version, expires_at) = (to_i64(new.version), new.expires_at.map(millis));
        self.db.prepare_cached(sql)?.execute(params![self.number, key, version, expires_at, new.value]).map(drop)
    }

    fn remove(&mut self, key: &str, value_bytes: usize) -> rusqlite::Result<()> {
        self.db.prepare_cached("DELETE FROM kv WHERE space = ?1 AND key = ?2")?.execute(params![self.number, key])?;
        self.usage = self.usage.without(key, value_bytes);
        Ok(())
    }

    /// Removes the entry that expired first; returns the bytes of its value, or `None` if no entry has expired.
    fn remove_first(&mut self, now: Timestamp) -> rusqlite::Result<Option<u64>> {
        let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, from_i64(row.get(1)?)));
        let mut statement = self.db.prepare_cached(FIRST_EXPIRED)?;
        let found = statement.query_row(params![self.number, millis(now)], read).optional()?;
        drop(statement);
        let Some((key, bytes)) = found else { return Ok(None) };
        self.remove(&key, usize::try_from(bytes).unwrap_or(usize::MAX))?;
        Ok(Some(bytes))
    }

    /// Writes the counts.
    fn write(&self) -> rusqlite::Result<()> {
        let (keys, bytes, last) = (to_i64(self.usage.keys), to_i64(self.usage.bytes), to_i64(self.last_version));
        let sql = "UPDATE kv_spaces SET keys = ?2, bytes = ?3, last_version = ?4 WHERE space = ?1";
        self.db.prepare_cached(sql)?.execute(params![self.number, keys, bytes, last]).map(drop)
    }
}
