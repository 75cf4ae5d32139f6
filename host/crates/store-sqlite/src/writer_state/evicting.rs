//! Eviction: removing ended jobs of several tasks to make room.

use std::cmp::Reverse;
use std::rc::Rc;

use saggar_job::Timestamp;

use super::super::number::TaskNumber;
use super::super::task_state::TaskState;
use super::super::tenant_books::TenantBook;
use super::WriterState;
use saggar_store::{Pruned, Rules, kept_bytes};

/// Whose jobs are removed, and because of whose limit.
enum Scope {
    Tenant(Rc<TenantBook>),
    All,
}

impl Scope {
    fn contains(&self, state: &TaskState) -> bool {
        match self {
            Self::Tenant(book) => Rc::ptr_eq(book, &state.book),
            Self::All => true,
        }
    }

    /// Returns the bytes of a tenant, if tenants are compared.
    fn bytes_of_tenant(&self, state: &TaskState) -> u64 {
        match self {
            Self::Tenant(_) => 0,
            Self::All => state.book.bytes(),
        }
    }
}

impl WriterState<'_> {
    /// Removes ended jobs so that `more` bytes fit into the task, among the jobs of its tenant, and into the store.
    pub(in super::super) fn make_room(
        &mut self,
        task: TaskNumber,
        more: u64,
        most: usize,
        rules: &Rules,
    ) -> rusqlite::Result<Pruned> {
        let Some(mut tx) = self.tx(task) else { return Ok(Pruned::default()) };
        let mut pruned = tx.make_room(more, most, rules)?;
        for scope in [Scope::Tenant(Rc::clone(&tx.state.book)), Scope::All] {
            if !pruned.more {
                pruned = self.make_room_in(&scope, more, most, pruned)?;
            }
        }
        Ok(pruned)
    }

    /// Continues after `pruned` until `more` bytes fit, or the work reaches `most`: removes the jobs that ended first, of
    /// any task of the scope, of the tenant with the most bytes.
    fn make_room_in(&mut self, scope: &Scope, more: u64, most: usize, mut pruned: Pruned) -> rusqlite::Result<Pruned> {
        let mut work = pruned.jobs;
        while self.lacks_room(scope, more) {
            let mut ends = Vec::new();
            for (task, state) in self.tasks.iter_mut().filter(|(_, state)| scope.contains(state)) {
                let ended = state.first_ended(self.db)?;
                let bytes = scope.bytes_of_tenant(state);
                ends.extend(ended.map(|(ended_at, _)| (Reverse(bytes), ended_at, *task)));
            }
            ends.sort_unstable();
            let Some((Reverse(largest), _, first)) = ends.first() else { break };
            let of_largest = |(Reverse(bytes), ..): &&(Reverse<u64>, Timestamp, TaskNumber)| bytes == largest;
            let next = ends.get(1).filter(of_largest).map_or(Timestamp(u64::MAX), |(_, ended_at, _)| *ended_at);
            let least = kept_bytes::least_of_largest(ends.iter().map(|(Reverse(bytes), ..)| *bytes));
            while self.lacks_room(scope, more) {
                let Some(mut tx) = self.tx(*first) else { return Ok(pruned) };
                let is_first = tx.state.first_ended(tx.db)?.is_some_and(|(ended_at, _)| ended_at <= next);
                if !is_first || scope.bytes_of_tenant(tx.state) < least {
                    break;
                }
                if work >= most {
                    return Ok(Pruned { more: true, ..pruned });
                }
                let Some((removed, effort)) = tx.remove_first_ended()? else { break };
                (pruned, work) = (pruned.and(removed), work + effort);
            }
        }
        Ok(pruned)
    }

    fn lacks_room(&self, scope: &Scope, more: u64) -> bool {
        match scope {
            Scope::Tenant(book) => book.lacks_room(more),
            Scope::All => kept_bytes::lacks_room(self.batch_context.kept_bytes, more, self.registry.kept.most()),
        }
    }
}
