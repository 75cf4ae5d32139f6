//! Claims on their way from whoever added the job to a slot that waits for one: in one step of the store instead of two, and
//! without another look of the slot's at the line.
//!
//! An idle slot holds out a hand. Whoever adds a job takes a hand first, has the store begin an attempt in the step of the
//! adding, and puts the claim into the hand, which may be before the adding has lasted. A claim that nobody gets, because the
//! slot or the adder was dropped, is taken back at once, as if the attempt had never begun.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use saggar_job::{JobId, Timestamp};
use tokio::sync::oneshot;

use super::TaskQueue;
use super::hush::Hush;
use crate::{Claim, ClaimedJob};

/// The hands of a task's idle slots, the one that has been held out longest first.
#[derive(Default)]
pub(crate) struct Hands {
    /// A step may have left something in the line that the counts do not show yet.
    unseen: AtomicBool,
    count: AtomicUsize,
    held_out: Mutex<VecDeque<TakenHand>>,
    /// The jobs of claims that are in a hand. One and then another claim of a job may be.
    handed: Mutex<Vec<JobId>>,
}

/// The slot's side. Dropped, it takes no claim, and one that is in it goes back.
pub(crate) struct Hand(oneshot::Receiver<Handed>);

/// The adder's side. Dropped, it lets the slot look for itself.
pub(crate) type TakenHand = oneshot::Sender<Handed>;

impl Hands {
    pub(crate) fn hold_out(&self) -> Hand {
        let (taken, hand) = oneshot::channel();
        let mut held_out = self.held_out.lock();
        held_out.retain(|hand| !hand.is_closed());
        held_out.push_back(taken);
        self.count.store(held_out.len(), Ordering::SeqCst);
        Hand(hand)
    }

    /// Takes up to `most` hands. Costs one load while there are none.
    pub(crate) fn take(&self, most: usize) -> VecDeque<TakenHand> {
        if self.count.load(Ordering::SeqCst) == 0 {
            return VecDeque::new();
        }
        let mut held_out = self.held_out.lock();
        held_out.retain(|hand| !hand.is_closed());
        let most = most.min(held_out.len());
        let taken = held_out.drain(..most).collect();
        self.count.store(held_out.len(), Ordering::SeqCst);
        taken
    }

    /// Whether the line has to be looked at, whatever the counts say. To be asked right before that look.
    pub(crate) fn must_look(&self) -> bool {
        self.unseen.load(Ordering::SeqCst) && self.unseen.swap(false, Ordering::SeqCst)
    }

    /// Whether a claim of the job is on its way to a slot.
    pub(crate) fn has(&self, id: JobId) -> bool {
        self.handed.lock().contains(&id)
    }

    /// Gives back hands into which nothing was put.
    pub(crate) fn give_back(&self, hands: VecDeque<TakenHand>) {
        if hands.is_empty() {
            return;
        }
        let mut held_out = self.held_out.lock();
        hands.into_iter().rev().for_each(|hand| held_out.push_front(hand));
        self.count.store(held_out.len(), Ordering::SeqCst);
    }
}

impl Hand {
    /// What is put into the hand; none if nothing will be. Cancel-safe.
    pub(crate) async fn filled(&mut self) -> Option<Handed> {
        (&mut self.0).await.ok()
    }

    /// Draws the hand back; answers what is in it already.
    pub(crate) fn draw_back(mut self) -> Option<Handed> {
        self.0.close();
        self.0.try_recv().ok()
    }
}

/// An attempt that the store has begun and nobody has taken yet. Dropped, it never was.
pub(crate) struct Handed {
    task: Arc<TaskQueue>,
    job: Option<ClaimedJob>,
    now: Timestamp,
    hush: Option<Arc<Hush>>,
}

impl Handed {
    /// `hush` is lifted when the adding has lasted that the attempt began with.
    pub(crate) fn new(task: &Arc<TaskQueue>, job: ClaimedJob, now: Timestamp, hush: Option<Arc<Hush>>) -> Self {
        task.hands.handed.lock().push(job.id);
        Self { task: Arc::clone(task), job: Some(job), now, hush }
    }

    /// Begins the attempt, for the slot that has taken it.
    pub(crate) fn begin(mut self) -> Option<Claim> {
        let job = self.let_go()?;
        Some(self.task.begin(job, self.now, self.hush.as_deref()))
    }

    fn let_go(&mut self) -> Option<ClaimedJob> {
        let job = self.job.take()?;
        let mut handed = self.task.hands.handed.lock();
        if let Some(at) = handed.iter().position(|id| *id == job.id) {
            handed.swap_remove(at);
        }
        Some(job)
    }
}

impl Drop for Handed {
    fn drop(&mut self) {
        if let Some(job) = self.let_go() {
            let task = &self.task;
            task.store.unclaim(job.id, job.run, &task.rules(), task.hub.now());
            task.have_line_looked_at();
        }
    }
}

/// Held while a step is asked for that puts something into the line or takes something out. Dropped without its answer, it
/// has the line looked at: the step may be done all the same, and what it took goes back.
pub(crate) struct Unanswered<'a>(Option<&'a TaskQueue>);

impl<'a> Unanswered<'a> {
    pub(crate) fn step(task: &'a TaskQueue) -> Self {
        Self(Some(task))
    }

    pub(crate) fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(task) = self.0 {
            task.have_line_looked_at();
        }
    }
}

impl TaskQueue {
    /// Wakes an idle slot, which asks the store after all that was asked for before.
    fn have_line_looked_at(&self) {
        self.hands.unseen.store(true, Ordering::SeqCst);
        self.slots.ring();
    }
}
