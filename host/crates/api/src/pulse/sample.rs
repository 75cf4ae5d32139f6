//! One task as the pulse has it: its counts, and what it did since the sample before.

use saggar_definition::Task;
use saggar_queue::{Activity, Distribution, TaskQueue};
use saggar_wire as wire;

use crate::rfc3339;
use crate::show;

/// Beats after which percentiles leave out what is older: they cover once to twice this time.
const WINDOW: u64 = 30;

/// A task as it was sampled last.
pub(crate) struct Sample {
    task: wire::PulseTask,
    activity: Activity,
    attempts: Window,
    delays: Window,
}

/// The durations of one kind, from some time on.
#[derive(Default)]
struct Window {
    /// What had been counted when the window began …
    from: Option<Distribution>,
    /// … and when the next one begins.
    next: Option<Distribution>,
}

impl Sample {
    /// Takes the first sample of a task, which does not say yet what it does.
    pub(crate) fn new(definition: &Task, queue: &TaskQueue) -> Self {
        let counters = queue.counters();
        let window = |counted: Option<Distribution>| Window { from: counted.clone(), next: counted };
        Self {
            task: counted(definition, queue),
            activity: counters.activity(),
            attempts: window(counters.attempt_times()),
            delays: window(counters.start_delays()),
        }
    }

    /// Takes another sample in a later beat; returns whether it differs from the one before.
    pub(crate) fn update(&mut self, definition: &Task, queue: &TaskQueue, beat: u64) -> bool {
        let mut task = counted(definition, queue);
        let activity = queue.counters().activity();
        let done = activity.since(&self.activity);
        task.second = wire::ActivityCounts {
            added: done.added,
            started: done.started,
            succeeded: done.succeeded,
            failed: done.failed,
            retried: done.retried,
        };
        let ends_window = beat.is_multiple_of(WINDOW);
        // A task that did nothing has the same percentiles as before.
        let has_worked = task.second != wire::ActivityCounts::default() || ends_window;
        (task.duration_ms, task.start_delay_ms) = if has_worked {
            let counters = queue.counters();
            (
                self.attempts.percentiles(counters.attempt_times(), ends_window),
                self.delays.percentiles(counters.start_delays(), ends_window),
            )
        } else {
            (self.task.duration_ms, self.task.start_delay_ms)
        };
        self.activity = activity;
        let is_other = task != self.task;
        self.task = task;
        is_other
    }

    /// Returns the task as it is sent.
    pub(crate) fn task(&self) -> &wire::PulseTask {
        &self.task
    }
}

impl Window {
    /// Returns the percentiles of what was counted in the window. If it ends, the next one begins.
    fn percentiles(&mut self, counted: Option<Distribution>, ends: bool) -> Option<wire::Percentiles> {
        let counted = counted?;
        let found = show::percentiles(&counted.since(self.from.as_ref()));
        if ends {
            self.from = self.next.replace(counted);
        }
        found
    }
}

/// Returns a task with its counts.
fn counted(definition: &Task, queue: &TaskQueue) -> wire::PulseTask {
    let counts = queue.counts();
    wire::PulseTask {
        id: definition.id.to_string(),
        paused: counts.paused,
        counts: show::counts(&counts),
        slots: u64::from(definition.worker_nums),
        busy: counts.running as u64,
        first_ready_at: counts.first_ready_at.map(rfc3339::write),
        second: wire::ActivityCounts::default(),
        duration_ms: None,
        start_delay_ms: None,
    }
}
