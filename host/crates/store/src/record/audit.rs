//! The audit: entries about requests that changed something, and the bounds of their number.

use std::sync::Arc;

use saggar_job::{JobId, Timestamp};

/// An entry of the audit: a request that changed something, or several that differ in nothing but their jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When the first request was answered.
    pub at: Timestamp,
    /// When the last one was.
    pub until: Timestamp,
    /// The tenant whose data was changed; `None` for what concerns the whole host.
    pub tenant: Option<Arc<str>>,
    /// The name of the token; `None` on a host without tokens, and for what the host itself did.
    pub token: Option<Arc<str>>,
    /// The role of the token; `None` for what the host itself did.
    pub role: Option<Arc<str>>,
    /// The address of the client.
    pub from: Option<Arc<str>>,
    /// What was done.
    pub action: Arc<str>,
    /// The task that was changed, or whose jobs were.
    pub task: Option<Arc<str>>,
    /// The jobs, if the entry names them.
    pub jobs: Vec<JobId>,
    /// How many requests there were.
    pub requests: u64,
    /// How many jobs or other things were changed.
    pub count: u64,
    /// The status of the answers; `None` if the client had gone.
    pub status: Option<u16>,
    /// The code of the refusal, if there was one.
    pub code: Option<Arc<str>>,
    /// What else is to know.
    pub detail: Option<Arc<str>>,
}

/// A query for entries of the audit, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only entries about this tenant; `None` for all entries.
    pub tenant: Option<Arc<str>>,
    /// Only entries after this [`next`](AuditPage::next) of a page of the same query.
    pub after: Option<u64>,
    /// The most entries of a page; 0 is taken as 1, and more than [`PAGE`](Self::PAGE) as `PAGE`.
    pub limit: usize,
}

/// A page of the audit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The newest entry first.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins; `None` if there are no more entries. It counts the entries that the query may see and no
    /// others, so that a tenant does not learn how many there are of other tenants.
    pub next: Option<u64>,
}

/// How much of the audit is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditLimits {
    /// The most entries about one tenant, and about the host itself.
    pub of_tenant: AuditSize,
    /// The most entries in all.
    pub of_all: AuditSize,
}

/// A size of the audit, or of a part of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditSize {
    /// How many entries.
    pub entries: u64,
    /// Their bytes ([`AuditEntry::bytes`]).
    pub bytes: u64,
}

impl AuditEntry {
    /// The bytes of an entry beside its texts and jobs: its row or record, and its entries in indexes.
    const FIXED: u64 = 256;

    /// Returns the bytes that it is counted as, the same in every store.
    pub fn bytes(&self) -> u64 {
        let Self { tenant, token, role, from, task, code, detail, .. } = self;
        let texts = [tenant, token, role, from, task, code, detail].into_iter().flatten();
        let texts: usize = texts.map(|text| text.len()).sum();
        Self::FIXED + (texts + self.action.len() + 8 * self.jobs.len()) as u64
    }
}

impl AuditQuery {
    /// The most entries of a page.
    pub const PAGE: usize = 1_000;
    /// The entries of a page if a client does not say how many it wants.
    pub const DEFAULT_LIMIT: usize = 100;

    /// Returns the [`limit`](Self::limit) within its bounds.
    pub fn bounded_limit(&self) -> usize {
        self.limit.clamp(1, Self::PAGE)
    }
}

impl Default for AuditLimits {
    /// A tenant's entries of a few hours of constant changes, or of years of usual ones; and 64 MiB for all tenants.
    fn default() -> Self {
        Self {
            of_tenant: AuditSize { entries: 10_000, bytes: 8 << 20 },
            of_all: AuditSize { entries: 100_000, bytes: 64 << 20 },
        }
    }
}

impl AuditSize {
    /// Counts one more entry.
    pub fn add(&mut self, bytes: u64) {
        self.entries += 1;
        self.bytes += bytes;
    }

    /// Counts one entry less.
    pub fn remove(&mut self, bytes: u64) {
        self.entries = self.entries.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    fn exceeds(&self, limit: Self) -> bool {
        self.entries > limit.entries || self.bytes > limit.bytes
    }
}

impl AuditLimits {
    /// Returns whose oldest entry is to be removed after one about `tenant` was added: those of the tenant itself if they
    /// exceed their limit, and otherwise, if all exceed theirs, those of the tenant with the most bytes. So a tenant that
    /// causes many entries does not push out those of others. `None` if nothing is to be removed.
    ///
    /// `own` is the size of the tenant's entries, and `all` that of all. The `sizes` of each tenant's are compared only if all
    /// exceed their limit, because there may be many tenants.
    pub fn next_eviction<'a, K, S>(
        &self,
        (tenant, own): (&'a K, AuditSize),
        all: AuditSize,
        sizes: impl FnOnce() -> S,
    ) -> Option<&'a K>
    where
        K: ?Sized + Ord,
        S: Iterator<Item = (&'a K, AuditSize)>,
    {
        if own.exceeds(self.of_tenant) {
            return Some(tenant);
        }
        if !all.exceeds(self.of_all) {
            return None;
        }
        let largest = sizes().map(|(of, size)| (size.bytes, of)).max();
        Some(largest.map_or(tenant, |(_, of)| of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(entries: u64) -> AuditSize {
        AuditSize { entries, bytes: 100 * entries }
    }

    #[test]
    fn sizes_are_compared_only_if_all_entries_exceed_their_limit() {
        let limits = AuditLimits { of_tenant: size(10), of_all: size(15) };
        let next = |own: u64, all: u64| {
            let mut are_compared = false;
            let sizes = || {
                are_compared = true;
                [("a", size(own)), ("b", size(all - own))].into_iter()
            };
            let next = limits.next_eviction(("a", size(own)), size(all), sizes);
            (next, are_compared)
        };
        assert_eq!(next(10, 15), (None, false));
        assert_eq!(next(11, 20), (Some("a"), false), "its own limit is first");
        assert_eq!(next(6, 16), (Some("b"), true), "the tenant with the most");
        assert_eq!(next(9, 16), (Some("a"), true));
    }
}
