//! Deployments and versions in the file. Nothing of them is in memory: they change seldom, and a batch that is rolled back
//! has to undo nothing. A version is written and removed in parts, so that no step of a job waits for long.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use saggar_store::{
    DeployedCode, Deployment, DeploymentCause, DeploymentPage, DeploymentQuery, DeploymentStore, StoreError, Version,
};

use super::Inner;
use super::audit;
use super::number::{from_i64, from_millis, millis, to_i64};

/// Bytes of a part of a version: about a millisecond of the writer.
const PART: usize = 256 << 10;
/// Parts that one step removes.
const REMOVED_PARTS: i64 = 8;
/// Rows of deployments and their code that one step removes.
const REMOVED_ROWS: i64 = 1_000;

const START: i64 = 0;
const RELOAD: i64 = 1;
const ROLLBACK: i64 = 2;

pub(super) struct SqliteDeployments(pub(super) Arc<Inner>);

impl SqliteDeployments {
    /// Makes a change, which is durable when it returns.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.0.writer()?.ask(audit::step(change)).await
    }

    async fn read<T: Send + 'static>(
        &self,
        tenant: &Arc<str>,
        lookup: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let flow = self.0.registry.flow(tenant, &Arc::default());
        Ok(self.0.readers()?.query(&flow, lookup).await?)
    }
}

#[async_trait]
impl DeploymentStore for SqliteDeployments {
    async fn append(&self, tenant: &str, deployment: Deployment) -> Result<u64, StoreError> {
        let tenant = tenant.to_owned();
        self.change(move |db| append(db, &tenant, &deployment)).await
    }

    async fn page(&self, query: &DeploymentQuery) -> Result<DeploymentPage, StoreError> {
        let (tenant, query) = (Arc::clone(&query.tenant), query.clone());
        self.read(&tenant, move |db| page(db, &query)).await
    }

    async fn keep(&self, tenant: &str, Version { digest, bytes }: Version) -> Result<(), StoreError> {
        let (tenant, size): (Arc<str>, _) = (tenant.into(), bytes.len());
        if self.touch(&tenant, &digest).await? {
            return Ok(());
        }
        // What a process left that died while it wrote.
        loop {
            let (of, version) = (Arc::clone(&tenant), Arc::clone(&digest));
            if self.change(move |db| remove_parts(db, &of, &version, REMOVED_PARTS)).await? == 0 {
                break;
            }
        }
        for (number, from) in (0..).zip((0..size).step_by(PART)) {
            let (tenant, digest, bytes) = (Arc::clone(&tenant), Arc::clone(&digest), Arc::clone(&bytes));
            self.change(move |db| {
                let part = bytes.get(from..size.min(from + PART)).unwrap_or_default();
                insert_part(db, &tenant, &digest, number, part)
            })
            .await?;
        }
        self.change(move |db| insert_version(db, &tenant, &digest, size)).await
    }

    async fn touch(&self, tenant: &str, digest: &str) -> Result<bool, StoreError> {
        let (tenant, digest) = (tenant.to_owned(), digest.to_owned());
        self.change(move |db| touch(db, &tenant, &digest)).await
    }

    async fn size(&self, tenant: &str, digest: &str) -> Result<Option<u64>, StoreError> {
        let (tenant, digest): (Arc<str>, Arc<str>) = (tenant.into(), digest.into());
        let of = Arc::clone(&tenant);
        self.read(&tenant, move |db| size_of(db, &of, &digest)).await
    }

    async fn version(&self, tenant: &str, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
        let (tenant, digest): (Arc<str>, Arc<str>) = (tenant.into(), digest.into());
        let Some(size) = self.size(&tenant, &digest).await? else { return Ok(None) };
        let mut bytes = Vec::new();
        // A lookup for each part, so that none takes long.
        for number in (0..).take(usize::try_from(size).unwrap_or(usize::MAX).div_ceil(PART)) {
            let (of, version) = (Arc::clone(&tenant), Arc::clone(&digest));
            match self.read(&tenant, move |db| part(db, &of, &version, number)).await? {
                Some(part) => bytes.extend(part),
                // It was evicted meanwhile.
                None => return Ok(None),
            }
        }
        Ok((bytes.len() as u64 == size).then(|| bytes.into()))
    }

    async fn evict(&self, tenant: &str, most: u64) -> Result<bool, StoreError> {
        let tenant = tenant.to_owned();
        self.change(move |db| evict(db, &tenant, most)).await
    }

    async fn remove(&self, tenant: &str) -> Result<bool, StoreError> {
        let tenant = tenant.to_owned();
        self.change(move |db| remove(db, &tenant)).await
    }
}

/// Appends a deployment; returns its number.
fn append(db: &Connection, tenant: &str, deployment: &Deployment) -> rusqlite::Result<u64> {
    let next = "SELECT coalesce(max(number), 0) + 1 FROM deployments WHERE tenant = ?1";
    let number: i64 = db.prepare_cached(next)?.query_row([tenant], |row| row.get(0))?;
    let (cause, rolled_back_to) = match deployment.cause {
        DeploymentCause::Start => (START, None),
        DeploymentCause::Reload => (RELOAD, None),
        DeploymentCause::Rollback(to) => (ROLLBACK, Some(to_i64(to))),
    };
    let sql =
        "INSERT INTO deployments (tenant, number, at, cause, rolled_back_to, author) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let values = params![tenant, number, millis(deployment.at), cause, rolled_back_to, &*deployment.by];
    db.prepare_cached(sql)?.execute(values)?;
    let sql = "INSERT INTO deployed_code (tenant, deployment, entry, name, digest, content, bytes, instead_of, pinned) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let mut statement = db.prepare_cached(sql)?;
    for (entry, code) in (0_i64..).zip(&deployment.code) {
        let DeployedCode { name, digest, content, bytes, instead_of, pinned } = code;
        let (bytes, instead_of) = (to_i64(*bytes), instead_of.as_deref());
        statement.execute(params![tenant, number, entry, &**name, &**digest, &**content, bytes, instead_of, pinned])?;
    }
    let oldest = number - to_i64(Deployment::MOST);
    for sql in [
        "DELETE FROM deployed_code WHERE tenant = ?1 AND deployment <= ?2",
        "DELETE FROM deployments WHERE tenant = ?1 AND number <= ?2",
    ] {
        db.prepare_cached(sql)?.execute(params![tenant, oldest])?;
    }
    Ok(from_i64(number))
}

/// Returns a page of deployments, the newest first.
fn page(db: &Connection, query: &DeploymentQuery) -> rusqlite::Result<DeploymentPage> {
    let before = query.before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
    let sql = "SELECT number, at, cause, rolled_back_to, author FROM deployments WHERE tenant = ?1 AND number < ?2 \
               ORDER BY number DESC";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![&*query.tenant, before])?;
    let (mut page, mut codes) = (DeploymentPage::default(), 0);
    while let Some(row) = rows.next()? {
        if page.deployments.len() >= query.bounded_limit() || codes >= DeploymentQuery::MOST_CODE {
            page.more = true;
            break;
        }
        let mut deployment = deployment(row)?;
        deployment.code = code(db, &query.tenant, deployment.number, &mut page)?;
        codes += deployment.code.len();
        page.deployments.push(deployment);
    }
    Ok(page)
}

/// Reads a deployment without its code.
fn deployment(row: &Row<'_>) -> rusqlite::Result<Deployment> {
    let cause = match row.get::<_, i64>(2)? {
        START => DeploymentCause::Start,
        ROLLBACK => DeploymentCause::Rollback(from_i64(row.get::<_, Option<i64>>(3)?.unwrap_or(0))),
        _ => DeploymentCause::Reload,
    };
    let (number, at) = (from_i64(row.get(0)?), from_millis(row.get(1)?));
    Ok(Deployment { number, at, cause, by: row.get(4)?, code: Vec::new() })
}

/// Reads the code of a deployment, and adds to the page which of it is kept.
fn code(db: &Connection, tenant: &str, number: u64, page: &mut DeploymentPage) -> rusqlite::Result<Vec<DeployedCode>> {
    let sql = "SELECT name, digest, content, bytes, instead_of, pinned, EXISTS (SELECT 1 FROM versions \
               WHERE versions.tenant = deployed_code.tenant AND versions.digest = deployed_code.digest) \
               FROM deployed_code WHERE tenant = ?1 AND deployment = ?2 ORDER BY entry";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![tenant, to_i64(number)], |row| {
        let code = DeployedCode {
            name: row.get(0)?,
            digest: row.get(1)?,
            content: row.get(2)?,
            bytes: from_i64(row.get(3)?),
            instead_of: row.get(4)?,
            pinned: row.get(5)?,
        };
        if row.get::<_, bool>(6)? {
            page.kept.insert(Arc::clone(&code.digest));
        }
        Ok(code)
    })?;
    rows.collect()
}

/// Notes a use of a version; returns whether it is kept.
fn touch(db: &Connection, tenant: &str, digest: &str) -> rusqlite::Result<bool> {
    let sql = "UPDATE versions SET used = (SELECT max(used) + 1 FROM versions WHERE tenant = ?1) \
               WHERE tenant = ?1 AND digest = ?2";
    Ok(db.prepare_cached(sql)?.execute([tenant, digest])? > 0)
}

/// Replaces a part that another caller has written meanwhile: a conflict would count as a failure of the file.
fn insert_part(db: &Connection, tenant: &str, digest: &str, number: i64, bytes: &[u8]) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO version_parts (tenant, digest, part, bytes) VALUES (?1, ?2, ?3, ?4)";
    db.prepare_cached(sql)?.execute(params![tenant, digest, number, bytes]).map(drop)
}

/// Marks a version as complete.
fn insert_version(db: &Connection, tenant: &str, digest: &str, size: usize) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO versions (tenant, digest, bytes, used) \
               SELECT ?1, ?2, ?3, coalesce(max(used), 0) + 1 FROM versions WHERE tenant = ?1";
    db.prepare_cached(sql)?.execute(params![tenant, digest, to_i64(size as u64)]).map(drop)
}

fn size_of(db: &Connection, tenant: &str, digest: &str) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT bytes FROM versions WHERE tenant = ?1 AND digest = ?2";
    let size = db.prepare_cached(sql)?.query_row([tenant, digest], |row| row.get(0)).optional()?;
    Ok(size.map(from_i64))
}

fn part(db: &Connection, tenant: &str, digest: &str, number: i64) -> rusqlite::Result<Option<Vec<u8>>> {
    let sql = "SELECT bytes FROM version_parts WHERE tenant = ?1 AND digest = ?2 AND part = ?3";
    db.prepare_cached(sql)?.query_row(params![tenant, digest, number], |row| row.get(0)).optional()
}

/// Removes at most `most` parts of a version; returns how many there were.
fn remove_parts(db: &Connection, tenant: &str, digest: &str, most: i64) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM version_parts WHERE rowid IN \
               (SELECT rowid FROM version_parts WHERE tenant = ?1 AND digest = ?2 LIMIT ?3)";
    db.prepare_cached(sql)?.execute(params![tenant, digest, most])
}

/// Removes some parts of versions that are not complete, or not kept any more; returns whether there were any.
fn remove_leftovers(db: &Connection, tenant: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT digest FROM version_parts WHERE tenant = ?1 \
               AND digest NOT IN (SELECT digest FROM versions WHERE tenant = ?1) LIMIT 1";
    let found: Option<String> = db.prepare_cached(sql)?.query_row([tenant], |row| row.get(0)).optional()?;
    let Some(digest) = found else { return Ok(false) };
    Ok(remove_parts(db, tenant, &digest, REMOVED_PARTS)? > 0)
}

fn evict(db: &Connection, tenant: &str, most: u64) -> rusqlite::Result<bool> {
    if remove_leftovers(db, tenant)? {
        return Ok(true);
    }
    let sql = "SELECT coalesce(sum(bytes), 0) FROM versions WHERE tenant = ?1";
    let bytes: i64 = db.prepare_cached(sql)?.query_row([tenant], |row| row.get(0))?;
    if from_i64(bytes) <= most {
        return Ok(false);
    }
    let sql = "WITH last AS (SELECT digest, pinned, instead_of FROM deployed_code WHERE tenant = ?1 \
               AND deployment = (SELECT max(number) FROM deployments WHERE tenant = ?1)) \
               DELETE FROM versions WHERE tenant = ?1 AND digest = (SELECT digest FROM versions WHERE tenant = ?1 \
               AND digest NOT IN (SELECT digest FROM last WHERE pinned OR instead_of IS NOT NULL) \
               ORDER BY digest IN (SELECT digest FROM last), used LIMIT 1)";
    Ok(db.prepare_cached(sql)?.execute([tenant])? > 0)
}

fn remove(db: &Connection, tenant: &str) -> rusqlite::Result<bool> {
    db.prepare_cached("DELETE FROM versions WHERE tenant = ?1")?.execute([tenant])?;
    if remove_leftovers(db, tenant)? {
        return Ok(true);
    }
    for sql in [
        "DELETE FROM deployed_code WHERE tenant = ?1 AND (deployment, entry) IN \
         (SELECT deployment, entry FROM deployed_code WHERE tenant = ?1 LIMIT ?2)",
        "DELETE FROM deployments WHERE tenant = ?1 AND number IN \
         (SELECT number FROM deployments WHERE tenant = ?1 LIMIT ?2)",
    ] {
        if db.prepare_cached(sql)?.execute(params![tenant, REMOVED_ROWS])? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}
