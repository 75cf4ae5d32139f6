//! What the jobs of a tenant use of its quotas: how many wait, and how many bytes all of them take.

use std::sync::Arc;

use saggar_tenant::{Level, Quota, QuotaExceeded};

use super::{Added, NewJob, kept_bytes};

/// The quotas of a tenant that a store enforces, and how much of them its jobs use, over all its tasks. Clones share
/// them. Limits can be set at any time; they are not stored.
#[derive(Debug, Clone, Default)]
pub struct TenantLevels {
    /// Jobs that wait: ready, on hold, delayed or retrying.
    pub waiting: Arc<Level>,
    /// Bytes of all jobs, ended ones included.
    pub kept_bytes: Arc<Level>,
}

/// What new jobs need of a tenant's quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// How many jobs will wait.
    pub waiting: u64,
    /// How many bytes they take.
    pub bytes: u64,
}

impl Needs {
    /// Returns what those of `jobs` need that are new.
    pub fn of(jobs: &[NewJob], added: &[Added]) -> Self {
        let new = added.iter().zip(jobs).filter(|(added, _)| added.is_new);
        new.fold(Self::default(), |needs, (_, job)| Self {
            waiting: needs.waiting + 1,
            bytes: needs.bytes + kept_bytes::of_new(job),
        })
    }
}

impl TenantLevels {
    /// Takes what new jobs need, or nothing. Jobs that are found instead of being added need nothing, and are never
    /// refused.
    pub fn take(&self, needs: &Needs) -> Result<(), QuotaExceeded> {
        if needs.waiting == 0 {
            return Ok(());
        }
        self.waiting.take(needs.waiting).map_err(|limit| QuotaExceeded::of(Quota::Waiting, limit, needs.waiting))?;
        self.kept_bytes.take(needs.bytes).map_err(|limit| {
            self.waiting.give_back(needs.waiting);
            QuotaExceeded::of(Quota::KeepBytes, limit, needs.bytes)
        })
    }

    /// Like [`take`](Self::take), for a store that counts what is `used` itself; takes nothing.
    pub fn check(&self, used: &Needs, needs: &Needs) -> Result<(), QuotaExceeded> {
        let of_quotas = [
            (Quota::Waiting, &self.waiting, used.waiting, needs.waiting),
            (Quota::KeepBytes, &self.kept_bytes, used.bytes, needs.bytes),
        ];
        for (quota, level, used, more) in of_quotas {
            if let Some(limit) = level.limit()
                && more > 0
                && used.saturating_add(more) > limit
            {
                return Err(QuotaExceeded::of(quota, limit, more));
            }
        }
        Ok(())
    }

    /// Returns the limit of bytes.
    pub fn most_bytes(&self) -> u64 {
        self.kept_bytes.limit().unwrap_or(u64::MAX)
    }

    /// Returns whether `more` bytes fit without removing anything ([`kept_bytes::has_room`]).
    pub fn has_room_for(&self, more: u64) -> bool {
        kept_bytes::has_room(self.kept_bytes.used(), more, self.most_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_taken_or_nothing() {
        let levels = TenantLevels::default();
        levels.waiting.set_limit(Some(3));
        levels.kept_bytes.set_limit(Some(100));
        levels.take(&Needs { waiting: 2, bytes: 60 }).unwrap();
        let refused = levels.take(&Needs { waiting: 1, bytes: 41 }).unwrap_err();
        assert_eq!((refused.quota, refused.limit), ("keep_bytes", 100));
        let refused = levels.take(&Needs { waiting: 2, bytes: 1 }).unwrap_err();
        assert_eq!((refused.quota, refused.limit), ("waiting", 3));
        assert_eq!((levels.waiting.used(), levels.kept_bytes.used()), (2, 60));
        levels.take(&Needs { waiting: 1, bytes: 40 }).unwrap();
        levels.waiting.set_limit(Some(0));
        levels.take(&Needs::default()).unwrap();
    }

    #[test]
    fn checking_decides_as_taking_does() {
        let used = Needs { waiting: 2, bytes: 60 };
        let levels = TenantLevels::default();
        levels.waiting.set_limit(Some(3));
        levels.kept_bytes.set_limit(Some(100));
        for needs in [(0, 0), (1, 40), (1, 41), (2, 1), (2, 60)].map(|(waiting, bytes)| Needs { waiting, bytes }) {
            levels.waiting.set_used(used.waiting);
            levels.kept_bytes.set_used(used.bytes);
            assert_eq!(levels.check(&used, &needs), levels.take(&needs), "{needs:?}");
        }
    }
}
