//! The audit in the file. Nothing of it is in memory: entries come once a second at most, and a batch that is rolled back
//! has to undo nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};
use saggar_job::JobId;
use saggar_store::{AuditEntry, AuditLimits, AuditPage, AuditQuery, AuditSize, StoreError};

use super::number::{from_i64, from_millis, millis, to_i64};
use super::task_state::Stepped;
use super::writer_state::WriterState;

/// Makes a step of a change of which nothing is in memory, and which is durable when it is answered.
pub(super) fn step<T>(
    change: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> impl FnOnce(&mut WriterState<'_>) -> Stepped<T, StoreError> {
    move |writer_state| {
        writer_state.batch_context.must_sync();
        change(writer_state.db).map(Ok)
    }
}

/// Appends entries, and removes the oldest ones beyond the limits.
pub(super) fn append(db: &Connection, entries: &[AuditEntry], limits: &AuditLimits) -> rusqlite::Result<()> {
    let mut sizes = Sizes::read(db)?;
    for entry in entries {
        let tenant = entry.tenant.as_deref().unwrap_or_default();
        let bytes = entry.bytes();
        let of_tenant = sizes.add(tenant, bytes);
        insert(db, entry, tenant, of_tenant, bytes)?;
        while let Some(of) = sizes.next_eviction(tenant, limits) {
            let Some(removed) = remove_first(db, &of)? else { break };
            sizes.remove(&of, removed);
        }
    }
    sizes.write(db)
}

fn insert(db: &Connection, entry: &AuditEntry, tenant: &str, of_tenant: i64, bytes: u64) -> rusqlite::Result<()> {
    let jobs: Vec<u8> = entry.jobs.iter().flat_map(|id| id.0.to_le_bytes()).collect();
    let sql = "INSERT INTO audit (tenant, of_tenant, bytes, at, until, token, role, origin, action, task, jobs, requests, \
               count, status, code, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
    db.prepare_cached(sql)?
        .execute(params![
            tenant,
            of_tenant,
            to_i64(bytes),
            millis(entry.at),
            millis(entry.until),
            entry.token.as_deref(),
            entry.role.as_deref(),
            entry.from.as_deref(),
            &*entry.action,
            entry.task.as_deref(),
            (!jobs.is_empty()).then_some(jobs),
            to_i64(entry.requests),
            to_i64(entry.count),
            entry.status,
            entry.code.as_deref(),
            entry.detail.as_deref(),
        ])
        .map(drop)
}

/// Removes the oldest entry of a tenant; returns its bytes.
fn remove_first(db: &Connection, tenant: &str) -> rusqlite::Result<Option<u64>> {
    let sql = "DELETE FROM audit WHERE entry = (SELECT entry FROM audit WHERE tenant = ?1 ORDER BY of_tenant LIMIT 1) \
               RETURNING bytes";
    let bytes = db.prepare_cached(sql)?.query_row([tenant], |row| row.get(0)).optional()?;
    Ok(bytes.map(from_i64))
}

/// Removes the oldest `most` entries of a tenant; returns whether more remain.
pub(super) fn remove(db: &Connection, tenant: &str, most: usize) -> rusqlite::Result<bool> {
    let mut sizes = Sizes::read(db)?;
    for _ in 0..most {
        match remove_first(db, tenant)? {
            Some(bytes) => sizes.remove(tenant, bytes),
            None => break,
        }
    }
    let more = sizes.of(tenant).entries > 0;
    if more {
        sizes.write(db)?;
    } else {
        db.prepare_cached("DELETE FROM audit_sizes WHERE tenant = ?1")?.execute([tenant])?;
    }
    Ok(more)
}

/// The sizes of all tenants' entries, with the changes of one step.
struct Sizes {
    /// The size of each tenant's entries, and its last number.
    tenants: BTreeMap<String, (AuditSize, i64)>,
    all: AuditSize,
    /// The tenants whose rows are to be written. A host may have many tenants, and few of them have new entries.
    changed: BTreeSet<String>,
}

impl Sizes {
    fn read(db: &Connection) -> rusqlite::Result<Self> {
        let mut statement = db.prepare_cached("SELECT tenant, entries, bytes, last FROM audit_sizes")?;
        let rows = statement.query_map([], |row| {
            let size = AuditSize { entries: from_i64(row.get(1)?), bytes: from_i64(row.get(2)?) };
            Ok((row.get(0)?, (size, row.get(3)?)))
        })?;
        let tenants: BTreeMap<String, (AuditSize, i64)> = rows.collect::<rusqlite::Result<_>>()?;
        let all = AuditSize {
            entries: tenants.values().map(|(size, _)| size.entries).sum(),
            bytes: tenants.values().map(|(size, _)| size.bytes).sum(),
        };
        Ok(Self { tenants, all, changed: BTreeSet::new() })
    }

    fn of(&self, tenant: &str) -> AuditSize {
        self.tenants.get(tenant).map(|(size, _)| *size).unwrap_or_default()
    }

    /// Counts a new entry of a tenant; returns its number.
    fn add(&mut self, tenant: &str, bytes: u64) -> i64 {
        self.all.add(bytes);
        self.changed.insert(tenant.to_owned());
        let (size, last) = self.tenants.entry(tenant.to_owned()).or_default();
        size.add(bytes);
        *last += 1;
        *last
    }

    fn remove(&mut self, tenant: &str, bytes: u64) {
        self.all.remove(bytes);
        self.changed.insert(tenant.to_owned());
        if let Some((size, _)) = self.tenants.get_mut(tenant) {
            size.remove(bytes);
        }
    }

    fn next_eviction(&self, tenant: &str, limits: &AuditLimits) -> Option<String> {
        let sizes = || self.tenants.iter().map(|(name, (size, _))| (name.as_str(), *size));
        limits.next_eviction((tenant, self.of(tenant)), self.all, sizes).map(str::to_owned)
    }

    fn write(&self, db: &Connection) -> rusqlite::Result<()> {
        let sql = "INSERT INTO audit_sizes VALUES (?1, ?2, ?3, ?4) ON CONFLICT (tenant) DO UPDATE SET \
                   entries = excluded.entries, bytes = excluded.bytes, last = excluded.last";
        let mut statement = db.prepare_cached(sql)?;
        for tenant in &self.changed {
            let Some((size, last)) = self.tenants.get(tenant) else { continue };
            statement.execute(params![tenant, to_i64(size.entries), to_i64(size.bytes), last])?;
        }
        Ok(())
    }
}

/// Returns a page of the audit.
pub(super) fn page(db: &Connection, query: &AuditQuery) -> rusqlite::Result<AuditPage> {
    let limit = query.bounded_limit();
    let after = query.after.map_or(i64::MAX, |after| i64::try_from(after).unwrap_or(i64::MAX));
    // One more, to know whether there is a next page.
    let most = limit as i64 + 1;
    let mut rows: Vec<(i64, AuditEntry)> = match query.tenant.as_deref() {
        None => {
            let sql = "SELECT * FROM audit WHERE entry < ?1 ORDER BY entry DESC LIMIT ?2";
            let mut statement = db.prepare_cached(sql)?;
            let rows = statement.query_map(params![after, most], |row| Ok((row.get("entry")?, entry(row)?)))?;
            rows.collect::<Result<_, _>>()?
        }
        Some(tenant) => {
            let sql = "SELECT * FROM audit WHERE tenant = ?1 AND of_tenant < ?2 ORDER BY of_tenant DESC LIMIT ?3";
            let mut statement = db.prepare_cached(sql)?;
            let rows =
                statement.query_map(params![tenant, after, most], |row| Ok((row.get("of_tenant")?, entry(row)?)))?;
            rows.collect::<Result<_, _>>()?
        }
    };
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|(number, _)| from_i64(*number));
    Ok(AuditPage { entries: rows.into_iter().map(|(_, entry)| entry).collect(), next })
}

fn entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    let text = |name: &str| row.get::<_, Option<Arc<str>>>(name);
    let jobs: Option<Vec<u8>> = row.get("jobs")?;
    let (ids, _) = jobs.as_deref().unwrap_or_default().as_chunks();
    Ok(AuditEntry {
        at: from_millis(row.get("at")?),
        until: from_millis(row.get("until")?),
        tenant: text("tenant")?.filter(|tenant| !tenant.is_empty()),
        token: text("token")?,
        role: text("role")?,
        from: text("origin")?,
        action: row.get("action")?,
        task: text("task")?,
        jobs: ids.iter().map(|id| JobId(u64::from_le_bytes(*id))).collect(),
        requests: from_i64(row.get("requests")?),
        count: from_i64(row.get("count")?),
        status: row.get("status")?,
        code: text("code")?,
        detail: text("detail")?,
    })
}
