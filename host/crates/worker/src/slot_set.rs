//! The slots of a task, or the workers of one of its lanes: how many work at once. A slot has at most one worker at a
//! time, whatever reloads do: a slot that is removed and added again waits until its last worker has ended.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

/// The slots of one kind of one task.
#[derive(Default)]
pub(crate) struct SlotSet(Mutex<Vec<Slot>>);

struct Slot {
    /// Locked by its worker.
    working: Arc<tokio::sync::Mutex<()>>,
    /// `None` while no worker is to run.
    leave: Option<CancellationToken>,
}

/// The right to work in a slot, once its last worker has ended.
pub(crate) struct SlotPermit {
    working: Arc<tokio::sync::Mutex<()>>,
    /// Cancelled when the worker is to end after its current job.
    pub(crate) leave: CancellationToken,
}

impl SlotSet {
    /// Changes the number of slots to `count`: cancels the workers of the others, and returns the permits of slots that
    /// need a worker. All are cancelled with `stop`.
    pub(crate) fn resize(&self, count: u32, stop: &CancellationToken) -> Vec<SlotPermit> {
        let mut slots = self.0.lock();
        while slots.len() < count as usize {
            slots.push(Slot { working: Arc::default(), leave: None });
        }
        let (wanted, spare) = slots.split_at_mut(count as usize);
        for slot in spare {
            if let Some(leave) = slot.leave.take() {
                leave.cancel();
            }
        }
        let vacant = wanted.iter_mut().filter(|slot| slot.leave.is_none());
        vacant
            .map(|slot| {
                let leave = stop.child_token();
                slot.leave = Some(leave.clone());
                SlotPermit { working: slot.working.clone(), leave }
            })
            .collect()
    }

    /// Returns whether it never had a slot.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

impl SlotPermit {
    /// Waits until the slot has no worker; it is occupied until the guard is dropped. `None` if the worker is to end
    /// before that.
    pub(crate) async fn acquire(&self) -> Option<OwnedMutexGuard<()>> {
        tokio::select! {
            biased;
            () = self.leave.cancelled() => None,
            guard = self.working.clone().lock_owned() => Some(guard),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slot_that_is_added_again_waits_for_its_last_worker() {
        let (slots, stop) = (SlotSet::default(), CancellationToken::new());
        let mut first = slots.resize(2, &stop);
        assert_eq!(first.len(), 2);
        let old = first.pop().unwrap();
        let working = old.acquire().await.unwrap();
        assert!(slots.resize(1, &stop).is_empty());
        assert!(old.leave.is_cancelled());
        let new = slots.resize(2, &stop).pop().unwrap();
        assert!(futures_util::FutureExt::now_or_never(new.acquire()).is_none());
        drop(working);
        assert!(new.acquire().await.is_some());
    }

    #[tokio::test]
    async fn no_worker_starts_after_the_stop() {
        let (slots, stop) = (SlotSet::default(), CancellationToken::new());
        let permit = slots.resize(1, &stop).pop().unwrap();
        stop.cancel();
        assert!(permit.acquire().await.is_none());
    }
}
