//! What the jobs of each tenant use of its quotas, including the batch in progress. Other threads see what is committed,
//! in the [`TenantLevels`].

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::RwLock;
use saggar_store::{Needs, TenantLevels, kept_bytes};
use saggar_tenant::QuotaExceeded;

/// The levels of all tenants.
#[derive(Default)]
pub(super) struct Levels(RwLock<HashMap<Arc<str>, TenantLevels>>);

impl Levels {
    pub(super) fn of(&self, tenant: &str) -> TenantLevels {
        if let Some(levels) = self.0.read().get(tenant) {
            return levels.clone();
        }
        self.0.write().entry(tenant.into()).or_default().clone()
    }
}

/// What the jobs of one tenant use. Only the writer has it.
#[derive(Default)]
pub(super) struct TenantBook {
    pub(super) levels: TenantLevels,
    used: Cell<Needs>,
    /// The last number of a job or a position. Each tenant has its own, because clients see them in cursors, which must not
    /// tell how many jobs others add.
    last_number: Cell<u64>,
}

impl TenantBook {
    /// Replaces the counts `before` of one task with `after`.
    pub(super) fn change(&self, before: Needs, after: Needs) {
        let change = |used: u64, before: u64, after: u64| used.wrapping_add(after.wrapping_sub(before));
        let Needs { waiting, bytes } = self.used.get();
        self.used.set(Needs {
            waiting: change(waiting, before.waiting, after.waiting),
            bytes: change(bytes, before.bytes, after.bytes),
        });
    }

    /// Continues the numbers after the last one of a task.
    pub(super) fn continue_after(&self, number: u64) {
        self.last_number.set(self.last_number.get().max(number));
    }

    /// Returns the next number, for a job or a position.
    pub(super) fn next_number(&self) -> u64 {
        let number = self.last_number.get() + 1;
        self.last_number.set(number);
        number
    }

    /// Returns the bytes of the tenant's jobs.
    pub(super) fn bytes(&self) -> u64 {
        self.used.get().bytes
    }

    /// Checks that new jobs are within the quotas.
    pub(super) fn check(&self, needs: &Needs) -> Result<(), QuotaExceeded> {
        self.levels.check(&self.used.get(), needs)
    }

    /// Returns whether jobs of the tenant have to be removed so that `more` bytes fit.
    pub(super) fn lacks_room(&self, more: u64) -> bool {
        kept_bytes::lacks_room(self.used.get().bytes, more, self.levels.most_bytes())
    }

    /// Publishes the committed counts.
    pub(super) fn publish(&self) {
        let Needs { waiting, bytes } = self.used.get();
        self.levels.waiting.set_used(waiting);
        self.levels.kept_bytes.set_used(bytes);
    }
}

/// The books of all tenants.
#[derive(Default)]
pub(super) struct TenantBooks(HashMap<Arc<str>, Rc<TenantBook>, RandomState>);

impl TenantBooks {
    /// Returns the book of a tenant, and creates it if the tenant has no tasks yet.
    pub(super) fn of(&mut self, tenant: &Arc<str>, levels: &Levels) -> Rc<TenantBook> {
        let new = || Rc::new(TenantBook { levels: levels.of(tenant), ..TenantBook::default() });
        Rc::clone(self.0.entry(Arc::clone(tenant)).or_insert_with(new))
    }

    pub(super) fn publish(&self) {
        self.0.values().for_each(|book| book.publish());
    }
}
