//! Room for bytes: the memory budgets of bodies and of answers, reserved in blocks.

use std::sync::Arc;
use std::time::Duration;

use saggar_tenant::{FairPermit, FairSemaphore, Flow, Quota, QuotaExceeded, Tenant};
use saggar_wire::Code;
use tokio::time::timeout;

use crate::problem::Refusal;
use crate::shares::Share;

/// The unit of room, in bytes.
pub(crate) const BLOCK: usize = 64 * 1024;

/// Blocks for all bodies that are being read and for their jobs until they are added: 256 MiB, which is sixteen of the
/// largest bodies.
pub(crate) const BODY_BLOCKS: usize = 256 * 1024 * 1024 / BLOCK;

/// Maximum blocks for the bodies of one task: four of the largest bodies.
pub(crate) const BODY_BLOCKS_OF_TASK: usize = BODY_BLOCKS / 4;

/// Blocks for bodies that a tenant gets in spite of its weight: one of the largest bodies.
pub(crate) const LEAST_BODY_BLOCKS: usize = BODY_BLOCKS / 16;

/// A reservation of bytes, which count against [`BODY_BLOCKS`] and [`BODY_BLOCKS_OF_TASK`], or against the budget of
/// responses. Released on drop.
#[derive(Default)]
pub(crate) struct Room {
    // Released in this order: a share wakes requests that wait for free blocks.
    blocks: Option<FairPermit>,
    share: Option<Share>,
    of_tenant: Option<TenantRoom>,
}

impl Room {
    /// Creates an empty reservation from the share of a flow, and from the quota of a tenant.
    pub(crate) fn of(share: Option<Share>, of_tenant: Option<TenantRoom>) -> Self {
        Self { blocks: None, share, of_tenant }
    }

    /// Reserves room for `bytes` with an empty reservation, whose tenant's quota has the bytes already. Waits for at most
    /// `time`, first for the share; among those that wait for blocks, tenants get room by their weights.
    pub(crate) async fn fill(
        mut self,
        flow: &Flow,
        bytes: usize,
        all: &FairSemaphore,
        time: Duration,
    ) -> Result<Self, Refusal> {
        if bytes == 0 {
            return Ok(Self::default());
        }
        // If it is more than all, it waits for all.
        let units = bytes.div_ceil(BLOCK).min(all.units());
        let share = self.share.as_mut();
        let acquiring = async move {
            if let Some(share) = share {
                share.take_when_free(units, all).await;
            }
            all.acquire(flow, units).await
        };
        let acquired = timeout(time, acquiring).await;
        self.blocks = Some(acquired.map_err(|_| Refusal::plain(Code::Overloaded))?);
        Ok(self)
    }

    /// Grows the reservation to `bytes` in total. Does not wait, because callers that wait for each other's room would
    /// deadlock.
    pub(crate) fn grow_to(&mut self, bytes: usize, all: &FairSemaphore) -> Result<(), Refusal> {
        if let Some(of_tenant) = &mut self.of_tenant {
            of_tenant.grow_to(bytes)?;
        }
        let Some(more) = bytes.div_ceil(BLOCK).checked_sub(self.has()).filter(|more| *more > 0) else { return Ok(()) };
        let full = || Refusal::plain(Code::Overloaded);
        if self.share.as_mut().is_some_and(|share| !share.take(more, all.free())) {
            return Err(full());
        }
        let Some(taken) = all.try_acquire(more) else {
            if let Some(share) = &mut self.share {
                share.release(more);
            }
            return Err(full());
        };
        match &mut self.blocks {
            Some(blocks) => blocks.merge(taken),
            empty => *empty = Some(taken),
        }
        Ok(())
    }

    fn has(&self) -> usize {
        self.blocks.as_ref().map_or(0, FairPermit::units)
    }

    /// Shrinks the reservation to `bytes`, when no more of the body is in memory.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        if let Some(of_tenant) = &mut self.of_tenant {
            of_tenant.shrink_to(bytes);
        }
        let spare = self.has().saturating_sub(bytes.div_ceil(BLOCK));
        drop(self.blocks.as_mut().and_then(|blocks| blocks.split(spare)));
        if let Some(share) = &mut self.share {
            share.release(spare);
        }
    }
}

/// Bytes of a tenant's quota. Given back on drop.
pub(crate) struct TenantRoom {
    tenant: Arc<Tenant>,
    quota: Quota,
    bytes: u64,
}

impl TenantRoom {
    /// Creates an empty reservation.
    pub(crate) fn of(tenant: &Arc<Tenant>, quota: Quota) -> Self {
        Self { tenant: Arc::clone(tenant), quota, bytes: 0 }
    }

    /// Takes bytes up to `bytes` in total.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> Result<(), QuotaExceeded> {
        let (bytes, level) = (bytes as u64, self.tenant.level(self.quota));
        let more = bytes.saturating_sub(self.bytes);
        if more > 0 {
            level.take(more).map_err(|limit| QuotaExceeded::of(self.quota, limit, bytes))?;
            self.bytes = bytes;
        }
        Ok(())
    }

    /// Counts `bytes` in total, whatever the quota is.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.tenant.level(self.quota).change(self.bytes, bytes as u64);
        self.bytes = bytes as u64;
    }

    fn shrink_to(&mut self, bytes: usize) {
        self.count(bytes.min(usize::try_from(self.bytes).unwrap_or(usize::MAX)));
    }
}

impl Drop for TenantRoom {
    fn drop(&mut self) {
        self.tenant.level(self.quota).give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use saggar_tenant::Quotas;

    use super::*;

    #[test]
    fn a_tenants_bytes_are_limited_exactly() {
        let acme = Tenant::new("acme");
        acme.set_quotas(&Quotas { request_bytes: Some(100), ..Quotas::default() });
        let all = FairSemaphore::new(10, 1);
        let room = |tenant: &Arc<Tenant>| Room::of(None, Some(TenantRoom::of(tenant, Quota::RequestBytes)));
        let (mut first, mut second, mut other) = (room(&acme), room(&acme), room(&Tenant::new("other")));
        first.grow_to(60, &all).unwrap();
        second.grow_to(40, &all).unwrap();
        let refused = second.grow_to(41, &all).unwrap_err();
        assert_eq!(refused.quota, Some(QuotaExceeded::of(Quota::RequestBytes, 100, 41)));
        assert_eq!(room(&acme).grow_to(101, &all).unwrap_err().quota.map(|quota| quota.may_pass()), Some(false));
        other.grow_to(200_000, &all).unwrap();
        first.shrink_to(59);
        second.grow_to(41, &all).unwrap();
        drop(first);
        assert_eq!(acme.level(Quota::RequestBytes).used(), 41);
        drop((second, other));
        assert_eq!((acme.level(Quota::RequestBytes).used(), all.free()), (0, 10));
    }
}
