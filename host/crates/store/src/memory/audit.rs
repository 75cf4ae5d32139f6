//! The audit of the memory store: all entries by number, and the numbers of each tenant's.

use std::collections::{BTreeMap, VecDeque};

use crate::{AuditEntry, AuditLimits, AuditPage, AuditQuery, AuditSize};

/// The entries. Those about the host itself are those of a tenant without a name.
#[derive(Debug, Default)]
pub(super) struct AuditLog {
    limits: AuditLimits,
    last: u64,
    /// The size of all entries.
    all: AuditSize,
    entries: BTreeMap<u64, AuditEntry>,
    tenants: BTreeMap<Box<str>, OfTenant>,
}

/// The entries about one tenant.
#[derive(Debug, Default)]
struct OfTenant {
    size: AuditSize,
    /// How many there ever were.
    last: u64,
    /// The numbers of those that are kept, the oldest first; the last of them is number `last` of the tenant.
    numbers: VecDeque<u64>,
}

impl AuditLog {
    pub(super) fn set_limits(&mut self, limits: AuditLimits) {
        self.limits = limits;
    }

    pub(super) fn append(&mut self, entries: Vec<AuditEntry>) {
        for entry in entries {
            self.last += 1;
            let tenant: Box<str> = entry.tenant.as_deref().unwrap_or_default().into();
            let own = self.tenants.entry(tenant.clone()).or_default();
            own.size.add(entry.bytes());
            self.all.add(entry.bytes());
            own.last += 1;
            own.numbers.push_back(self.last);
            self.entries.insert(self.last, entry);
            self.evict(&tenant);
        }
    }

    fn evict(&mut self, tenant: &str) {
        while let Some(of) = self.next_eviction(tenant) {
            let Some(own) = self.tenants.get_mut(&of) else { return };
            let Some(number) = own.numbers.pop_front() else { return };
            if let Some(entry) = self.entries.remove(&number) {
                own.size.remove(entry.bytes());
                self.all.remove(entry.bytes());
            }
        }
    }

    fn next_eviction(&self, tenant: &str) -> Option<Box<str>> {
        let own = self.tenants.get(tenant).map(|own| own.size).unwrap_or_default();
        let sizes = || self.tenants.iter().map(|(name, own)| (&**name, own.size));
        self.limits.next_eviction((tenant, own), self.all, sizes).map(Box::<str>::from)
    }

    pub(super) fn page(&self, query: &AuditQuery) -> AuditPage {
        match query.tenant.as_deref() {
            None => {
                let newer = self.entries.range(..query.after.unwrap_or(u64::MAX)).rev();
                page(newer.map(|(number, entry)| (*number, entry)), query.bounded_limit())
            }
            Some(tenant) => {
                let Some(own) = self.tenants.get(tenant) else { return AuditPage::default() };
                let numbered = own.numbers.iter().rev().zip((0..=own.last).rev());
                let newer = numbered.filter(|(_, own)| query.after.is_none_or(|after| *own < after));
                let entries = newer.filter_map(|(number, own)| Some((own, self.entries.get(number)?)));
                page(entries, query.bounded_limit())
            }
        }
    }

    pub(super) fn remove(&mut self, tenant: &str, most: usize) -> bool {
        let Some(own) = self.tenants.get_mut(tenant) else { return false };
        for number in own.numbers.drain(..most.min(own.numbers.len())) {
            if let Some(entry) = self.entries.remove(&number) {
                own.size.remove(entry.bytes());
                self.all.remove(entry.bytes());
            }
        }
        let more = !own.numbers.is_empty();
        if !more {
            self.tenants.remove(tenant);
        }
        more
    }
}

/// Makes a page of the first entries.
fn page<'a>(mut entries: impl Iterator<Item = (u64, &'a AuditEntry)>, limit: usize) -> AuditPage {
    let mut last = 0;
    let taken = entries.by_ref().take(limit).map(|(number, entry)| {
        last = number;
        entry.clone()
    });
    let taken: Vec<_> = taken.collect();
    AuditPage { entries: taken, next: entries.next().map(|_| last) }
}
