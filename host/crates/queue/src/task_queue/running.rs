//! The state that an attempt has only while it runs: live progress, and the signal that stops it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use saggar_job::{JobId, JobKey, Run, Timestamp};
use tokio::sync::Notify;

use super::TaskObserver;
use crate::{JobEventKind, Progress};

/// A running attempt, to report its progress, to show it, or to stop it. It is not the right to finish the attempt;
/// that is the [`Claim`](crate::Claim).
pub struct Running {
    observer: Arc<TaskObserver>,
    id: JobId,
    run: Run,
    attempt: u32,
    began: Began,
    /// The digest of the component that runs it.
    component: OnceLock<Arc<str>>,
    progress: Mutex<Live>,
    generation: AtomicU64,
    changed: Notify,
    cancel: CancelSignal,
}

/// When an attempt began.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Began {
    pub(crate) at: Timestamp,
    /// By the clock's elapsed time, which nobody sets.
    pub(crate) elapsed: Duration,
}

#[derive(Default)]
struct Live {
    latest: Progress,
    /// The attempt is over; later reports are ignored.
    over: bool,
    /// When the last progress event was emitted.
    emitted_at: Option<Timestamp>,
    /// `latest` has not been emitted.
    unemitted: bool,
}

impl Running {
    /// The most bytes of a progress message; a longer one is cut at a character boundary.
    pub const MESSAGE_BYTES: usize = 1024;
    /// Milliseconds between two progress events of one job: as often as people notice.
    const EVENT_EVERY_MS: u64 = 100;

    pub(crate) fn new(observer: Arc<TaskObserver>, id: JobId, run: Run, attempt: u32, began: Began) -> Self {
        Self {
            observer,
            id,
            run,
            attempt,
            began,
            component: OnceLock::new(),
            progress: Mutex::default(),
            generation: AtomicU64::new(0),
            changed: Notify::new(),
            cancel: CancelSignal::default(),
        }
    }

    /// Returns the job's id.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// Returns the job's full address.
    pub fn key(&self) -> JobKey {
        JobKey { task: self.observer.key.clone(), id: self.id }
    }

    /// Returns the attempt's fence.
    pub fn run(&self) -> Run {
        self.run
    }

    /// Returns the attempt's number, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns when it began, by the clock's elapsed time.
    pub(crate) fn began(&self) -> Duration {
        self.began.elapsed
    }

    /// Returns when it began.
    pub fn started_at(&self) -> Timestamp {
        self.began.at
    }

    /// Sets the digest of the component that runs it. Later calls have no effect.
    pub fn set_component(&self, digest: Arc<str>) {
        // It is set once for each attempt.
        let _ = self.component.set(digest);
    }

    /// Returns the digest of the component that runs it; `None` until it is known.
    pub fn component(&self) -> Option<&Arc<str>> {
        self.component.get()
    }

    /// Reports that `current` of `total` is done. The latest call wins. `current` beyond `total` is cut to `total`, and
    /// a message beyond [`MESSAGE_BYTES`](Self::MESSAGE_BYTES) at a character boundary. Does nothing once the attempt
    /// is over.
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
            live.unemitted = true;
            self.generation.fetch_add(1, Ordering::SeqCst);
            self.due_event(&mut live)
        };
        self.changed.notify_waiters();
        if let Some((progress, at)) = event {
            self.emit(progress, at);
        }
    }

    /// Returns the last reported values; zeros and no message before the first report.
    pub fn latest(&self) -> Progress {
        self.progress.lock().latest.clone()
    }

    /// Returns whether the last reported values contain `text`.
    pub(crate) fn contains_text(&self, text: &str) -> bool {
        self.progress.lock().latest.contains_text(text)
    }

    /// Returns the number of reports so far. A caller that stores it can check whether [`latest`](Self::latest) has
    /// changed.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Waits until the generation is no longer `seen`, and returns it. Cancel-safe. Never returns if nothing more is
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

    /// Returns the signal that stops the attempt because its job was cancelled.
    pub fn cancel_signal(&self) -> &CancelSignal {
        &self.cancel
    }

    /// Ends the reporting. Emits the last values if they were not emitted, and returns them if there were any.
    pub(crate) fn close(&self) -> Option<Progress> {
        let mut live = self.progress.lock();
        live.over = true;
        if self.generation() == 0 {
            return None;
        }
        let progress = live.latest.clone();
        let unemitted = std::mem::take(&mut live.unemitted);
        drop(live);
        if unemitted && self.observer.events.is_on() {
            self.emit(progress.clone(), self.observer.context.clock.now());
        }
        Some(progress)
    }

    /// Returns the progress event to emit now, if events are wanted and none was emitted just before.
    fn due_event(&self, live: &mut Live) -> Option<(Progress, Timestamp)> {
        if !self.observer.events.is_on() {
            return None;
        }
        let now = self.observer.context.clock.now();
        if live.emitted_at.is_some_and(|at| now >= at && now < at.plus_ms(Self::EVENT_EVERY_MS)) {
            return None;
        }
        live.emitted_at = Some(now);
        live.unemitted = false;
        Some((live.latest.clone(), now))
    }

    fn emit(&self, progress: Progress, at: Timestamp) {
        self.observer.emit(self.id, JobEventKind::Progress(progress), at);
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, run, attempt, .. } = self;
        f.debug_struct("Running").field("id", id).field("run", run).field("attempt", attempt).finish_non_exhaustive()
    }
}

/// A signal that something is to stop. It is set once, for good.
#[derive(Debug, Default)]
pub struct CancelSignal {
    cancelled: AtomicBool,
    notify: Notify,
}

impl CancelSignal {
    /// Returns whether it was set. Costs one load.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Waits until it is set; returns at once if it was. Cancel-safe.
    pub async fn cancelled(&self) {
        let mut notified = std::pin::pin!(self.notify.notified());
        notified.as_mut().enable();
        if !self.is_cancelled() {
            notified.await;
        }
    }

    pub(crate) fn set(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        self.notify.notify_waiters();
    }
}
