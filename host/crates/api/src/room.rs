//! Room for bytes: the memory budgets of bodies and of answers, reserved in blocks.

use std::sync::Arc;
use std::time::Duration;

use saggar_wire::Code;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
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

/// A reservation of bytes, which count against [`BODY_BLOCKS`] and [`BODY_BLOCKS_OF_TASK`], or against the budget of
/// responses. Released on drop.
#[derive(Default)]
pub(crate) struct Room {
    blocks: Option<OwnedSemaphorePermit>,
    share: Option<Share>,
}

impl Room {
    /// Creates an empty reservation from the share of a task.
    pub(crate) fn of(share: Share) -> Self {
        Self { blocks: None, share: Some(share) }
    }

    /// Reserves room for `bytes`. Waits for at most `time`, in order with other callers.
    pub(crate) async fn wait_for(bytes: usize, all: &Arc<Semaphore>, time: Duration) -> Result<Self, Refusal> {
        if bytes == 0 {
            return Ok(Self::default());
        }
        let blocks = u32::try_from(bytes.div_ceil(BLOCK).min(BODY_BLOCKS)).unwrap_or(u32::MAX);
        match timeout(time, all.clone().acquire_many_owned(blocks)).await {
            Ok(Ok(blocks)) => Ok(Self { blocks: Some(blocks), share: None }),
            _ => Err(Refusal::plain(Code::Overloaded)),
        }
    }

    /// Grows the reservation to `bytes` in total. Does not wait, because callers that wait for each other's room would
    /// deadlock.
    pub(crate) fn grow_to(&mut self, bytes: usize, all: &Arc<Semaphore>) -> Result<(), Refusal> {
        let Some(more) = bytes.div_ceil(BLOCK).checked_sub(self.has()).filter(|more| *more > 0) else { return Ok(()) };
        let full = || Refusal::plain(Code::Overloaded);
        if self.share.as_mut().is_some_and(|share| !share.take(more)) {
            return Err(full());
        }
        let more = u32::try_from(more).map_err(|_| Refusal::plain(Code::BodyTooLarge))?;
        let taken = all.clone().try_acquire_many_owned(more).map_err(|_| full())?;
        match &mut self.blocks {
            Some(blocks) => blocks.merge(taken),
            empty => *empty = Some(taken),
        }
        Ok(())
    }

    fn has(&self) -> usize {
        self.blocks.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// Shrinks the reservation to `bytes`, when no more of the body is in memory.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let spare = self.has().saturating_sub(bytes.div_ceil(BLOCK));
        drop(self.blocks.as_mut().and_then(|blocks| blocks.split(spare)));
        if let Some(share) = &mut self.share {
            share.release(spare);
        }
    }
}
