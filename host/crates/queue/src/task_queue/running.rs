//! What an attempt has while it runs and no longer: live progress, and the signal that stops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use saggar_job::{JobId, JobKey, Run, Timestamp};
use tokio::sync::Notify;

use super::TaskObserver;
use crate::{JobEventKind, Progress};

/// A running attempt, for whoever reports its progress, shows it, or stops it. It is no right to finish the attempt;
/// that is the [`Claim`](crate::Claim).
pub struct Running {
    observer: Arc<TaskObserver>,
    id: JobId,
    run: Run,
    attempt: u32,
    progress: Mutex<Live>,
    generation: AtomicU64,
    changed: Notify,
    cancel: CancelSignal,
}

#[derive(Default)]
struct Live {
    latest: Progress,
    /// The attempt is over; whatever is still reported comes too late.
    over: bool,
    /// When listeners were last told.
    told_at: Option<Timestamp>,
    /// Listeners have not been told of `latest`.
    untold: bool,
}

impl Running {
    /// Bytes of a progress message; a longer one is cut on a character border.
    pub const MESSAGE_BYTES: usize = 1024;
    /// Milliseconds between two progress events of one job: as often as people can see.
    const EVENT_EVERY_MS: u64 = 100;

    pub(crate) fn new(observer: Arc<TaskObserver>, id: JobId, run: Run, attempt: u32) -> Self {
        Self {
            observer,
            id,
            run,
            attempt,
            progress: Mutex::default(),
            generation: AtomicU64::new(0),
            changed: Notify::new(),
            cancel: CancelSignal::default(),
        }
    }

    /// The job's number.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// The job's full address.
    pub fn key(&self) -> JobKey {
        JobKey { task: self.observer.key().clone(), id: self.id }
    }

    /// The attempt's fence.
    pub fn run(&self) -> Run {
        self.run
    }

    /// The attempt's number, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Says that `current` of `total` is done. The latest call wins; `current` beyond `total` is cut to `total`, a
    /// message beyond [`MESSAGE_BYTES`](Self::MESSAGE_BYTES) on a character border. Does nothing once the attempt is
    /// over.
    pub fn report(&self, current: u64, total: u64, message: &str) {
        let message = &message[..message.floor_char_boundary(Self::MESSAGE_BYTES)];
        let event = {
            let mut live = self.progress.lock();
            if live.over {
                return;
            }
            live.latest.current = current.min(total);
            live.latest.total = total;
            live.latest.message.clear();
            live.latest.message.push_str(message);
            live.untold = true;
            self.generation.fetch_add(1, Ordering::SeqCst);
            self.due_event(&mut live)
        };
        self.changed.notify_waiters();
        if let Some((progress, at)) = event {
            self.notify(progress, at);
        }
    }

    /// The values last reported; zeros and no message before the first report.
    pub fn latest(&self) -> Progress {
        self.progress.lock().latest.clone()
    }

    /// Whether the values last reported show `text`.
    pub(crate) fn shows(&self, text: &str) -> bool {
        self.progress.lock().latest.shows(text)
    }

    /// How many reports there have been: whoever remembers it knows whether [`latest`](Self::latest) has changed.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Waits until the generation is no longer `seen`, and answers it. Cancel-safe. Never answers if nothing more is
    /// reported, so wait for the attempt's end as well.
    pub async fn changed(&self, seen: u64) -> u64 {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let generation = self.generation();
            if generation != seen {
                return generation;
            }
            changed.await;
        }
    }

    /// The signal that tells the attempt to stop, because its job was cancelled.
    pub fn cancel_signal(&self) -> &CancelSignal {
        &self.cancel
    }

    /// Ends the reporting. Answers the last values if there were any, after delivery listeners of them.
    pub(crate) fn close(&self) -> Option<Progress> {
        let mut live = self.progress.lock();
        live.over = true;
        if self.generation() == 0 {
            return None;
        }
        let progress = live.latest.clone();
        let untold = std::mem::take(&mut live.untold);
        drop(live);
        if untold && self.observer.has_subscribers() {
            self.notify(progress.clone(), self.observer.context().now());
        }
        Some(progress)
    }

    /// What listeners are to be told now, if there are any and they have not been told just before.
    fn due_event(&self, live: &mut Live) -> Option<(Progress, Timestamp)> {
        if !self.observer.has_subscribers() {
            return None;
        }
        let now = self.observer.context().now();
        if live.told_at.is_some_and(|at| now >= at && now < at.plus_ms(Self::EVENT_EVERY_MS)) {
            return None;
        }
        live.told_at = Some(now);
        live.untold = false;
        Some((live.latest.clone(), now))
    }

    fn notify(&self, progress: Progress, at: Timestamp) {
        self.observer.emit(self.id, JobEventKind::Progress(progress), at);
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, run, attempt, .. } = self;
        f.debug_struct("Running").field("id", id).field("run", run).field("attempt", attempt).finish_non_exhaustive()
    }
}

/// Says once, for good, that something is to stop.
#[derive(Debug, Default)]
pub struct CancelSignal {
    cancelled: AtomicBool,
    told: Notify,
}

impl CancelSignal {
    /// Whether it was given. Costs one load.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Waits until it is given; at once if it was. Cancel-safe.
    pub async fn cancelled(&self) {
        let mut told = std::pin::pin!(self.told.notified());
        told.as_mut().enable();
        if !self.is_cancelled() {
            told.await;
        }
    }

    pub(crate) fn give(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        self.told.notify_waiters();
    }
}
