//! Metrics of the calls of guests, for the recorder of the `metrics` facade: durations, new instances, timeouts.
//! Handles are made once for each task and role; without a recorder they do nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use saggar_job::{Ending, FailureKind, Role, TaskKey};
use saggar_queue::{SeriesLabel, TaskQueue, Totals, series_label};
use saggar_sandbox::{CallError, Report};

use crate::not_recorded::NotRecorded;
use crate::quota_meters;

const ATTEMPT: &str = "saggar_attempt_duration_seconds";
const HANDLER: &str = "saggar_handler_duration_seconds";
const HANDLER_FAILURES: &str = "saggar_handler_failures_total";
const GIVEN_UP: &str = "saggar_handler_given_up_total";
const CALLS: &str = "saggar_sandbox_calls_total";
const INSTANTIATIONS: &str = "saggar_sandbox_instantiations_total";
const NO_CAPACITY: &str = "saggar_sandbox_no_capacity_total";
const TIMEOUTS: &str = "saggar_timeouts_total";
const NOT_RECORDED: &str = "saggar_records_dropped_total";
const PEAK: &str = "saggar_sandbox_memory_peak_bytes";
const SLOTS: &str = "saggar_slots";
const BUSY: &str = "saggar_slots_busy";
const TASKS: &str = "saggar_tasks";

/// Describes the worker's metrics to the recorder. Call it once, after the recorder was installed.
pub fn describe_metrics() {
    quota_meters::describe();
    describe_histogram!(ATTEMPT, Unit::Seconds, "Duration of an attempt's call, including a new instance, by task");
    describe_histogram!(
        HANDLER,
        Unit::Seconds,
        "Duration of a handler's call, including a new instance, by task and event"
    );
    describe_counter!(HANDLER_FAILURES, "Failed calls of handlers, by task and event");
    describe_counter!(GIVEN_UP, "Callbacks given up because their handler failed every time, by task and event");
    describe_counter!(CALLS, "Ended calls of plugins, by task and role");
    describe_counter!(INSTANTIATIONS, "Calls that ran in a new instance, by task and role");
    describe_counter!(NO_CAPACITY, "Calls that failed because there was no capacity for a sandbox, by task and role");
    describe_counter!(TIMEOUTS, "Calls stopped at their timeout, by task and role");
    describe_counter!(NOT_RECORDED, "Attempts that were to be recorded and have no record, by task and reason");
    describe_gauge!(PEAK, Unit::Bytes, "Peak memory of an instance of the task's processor");
    describe_gauge!(SLOTS, "Slots of the task");
    describe_gauge!(BUSY, "Slots of the task that run an attempt");
    describe_gauge!(
        TASKS,
        "Tasks by state: ready, preparing, broken, orphaned (without a file, but with jobs in the store)"
    );
}

/// The meters of one task.
pub(crate) struct Meters {
    label: SeriesLabel,
    roles: [OnceLock<RoleMeters>; Role::ALL.len()],
    /// Whether the counters of a role exist already.
    begun: [OnceLock<()>; Role::ALL.len()],
    /// Bytes.
    peak_memory: AtomicU64,
    peak: OnceLock<Gauge>,
    slots: OnceLock<[Gauge; 2]>,
}

/// The meters of its calls in one role, made with the first call.
struct RoleMeters {
    seconds: Histogram,
    calls: Counter,
    instantiations: Counter,
}

impl Meters {
    pub(crate) fn new(task: &TaskKey) -> Self {
        let (label, (roles, begun)) = (series_label(task), Default::default());
        Self { label, roles, begun, peak_memory: AtomicU64::new(0), peak: OnceLock::new(), slots: OnceLock::new() }
    }

    /// Records a call of the task's plugin in `role`.
    pub(crate) fn called(&self, role: Role, report: &Report) {
        match &report.result {
            Err(CallError::NoCapacity(_)) => return self.count(NO_CAPACITY, role),
            Err(CallError::Failed(failure)) if failure.kind == FailureKind::Timeout => self.count(TIMEOUTS, role),
            _ => {}
        }
        let meters = self.role(role);
        meters.seconds.record(report.took.as_secs_f64());
        if report.fresh {
            meters.instantiations.increment(1);
        }
        if role != Role::Processor {
            meters.calls.increment(1);
        } else if report.peak_memory > self.peak_memory.load(Ordering::Relaxed) {
            self.peak_memory.fetch_max(report.peak_memory, Ordering::Relaxed);
        }
    }

    /// Counts a failed call of a handler.
    pub(crate) fn handler_failed(&self, role: Role) {
        counter!(HANDLER_FAILURES, self.label.0 => self.label.1.clone(), "event" => event(role)).increment(1);
    }

    /// Counts a callback that was given up.
    pub(crate) fn given_up(&self, role: Role) {
        counter!(GIVEN_UP, self.label.0 => self.label.1.clone(), "event" => event(role)).increment(1);
    }

    /// Counts an attempt that was to be recorded and has no record.
    pub(crate) fn not_recorded(&self, reason: NotRecorded) {
        counter!(NOT_RECORDED, self.label.0 => self.label.1.clone(), "reason" => reason.label()).increment(1);
    }

    /// Updates gauges, for a task that has these `roles`. The calls of the processor are counted by the ended attempts.
    pub(crate) fn measure(&self, totals: &Totals, roles: impl Iterator<Item = Role>) {
        self.begin_roles(roles);
        self.role(Role::Processor).calls.absolute(processor_calls(totals));
        let peak = self.peak.get_or_init(|| gauge!(PEAK, self.label.0 => self.label.1.clone()));
        peak.set(self.peak_memory() as f64);
    }

    /// Creates the counters of these roles.
    pub(crate) fn begin_roles(&self, roles: impl Iterator<Item = Role>) {
        for role in roles {
            self.begun[role as usize].get_or_init(|| self.begin(role));
        }
    }

    /// Returns the peak memory of an instance of the processor, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.peak_memory.load(Ordering::Relaxed)
    }

    /// Updates the gauges of slots.
    pub(crate) fn measure_slots(&self, slots: u32, running: usize) {
        let [all, busy] = self.slots.get_or_init(|| slot_gauges(&self.label));
        all.set(f64::from(slots));
        busy.set(running as f64);
    }

    /// Creates the counters of a role at 0, because alerts do not see a counter that appears with its first count as a
    /// rise.
    fn begin(&self, role: Role) {
        for what in [NO_CAPACITY, TIMEOUTS] {
            counter!(what, self.label.0 => self.label.1.clone(), "role" => role.interface()).increment(0);
        }
        if role != Role::Processor {
            counter!(HANDLER_FAILURES, self.label.0 => self.label.1.clone(), "event" => event(role)).increment(0);
        } else {
            for reason in NotRecorded::ALL {
                counter!(NOT_RECORDED, self.label.0 => self.label.1.clone(), "reason" => reason.label()).increment(0);
            }
        }
        if matches!(role, Role::AddHandler | Role::SuccessHandler | Role::ErrorHandler) {
            counter!(GIVEN_UP, self.label.0 => self.label.1.clone(), "event" => event(role)).increment(0);
        }
    }

    fn count(&self, what: &'static str, role: Role) {
        counter!(what, self.label.0 => self.label.1.clone(), "role" => role.interface()).increment(1);
    }

    fn role(&self, role: Role) -> &RoleMeters {
        self.roles[role as usize].get_or_init(|| RoleMeters {
            seconds: match role {
                Role::Processor => histogram!(ATTEMPT, self.label.0 => self.label.1.clone()),
                _ => histogram!(HANDLER, self.label.0 => self.label.1.clone(), "event" => event(role)),
            },
            calls: counter!(CALLS, self.label.0 => self.label.1.clone(), "role" => role.interface()),
            instantiations: counter!(INSTANTIATIONS, self.label.0 => self.label.1.clone(), "role" => role.interface()),
        })
    }
}

/// Returns how many calls of a processor have ended.
pub(crate) fn processor_calls(totals: &Totals) -> u64 {
    let not_called = [Ending::Failed(FailureKind::Lost), Ending::Requeued];
    let called = Ending::ALL.into_iter().filter(|ending| !not_called.contains(ending));
    called.map(|ending| totals.attempts(ending)).sum()
}

/// What is measured of all tasks of a tenant together.
#[derive(Default)]
pub(crate) struct TenantSums {
    pub(crate) slots: u64,
    pub(crate) busy: usize,
    /// Bytes, of the task with the most.
    pub(crate) peak_memory: u64,
    pub(crate) processor_calls: u64,
}

/// Updates the gauges of a tenant with several tasks.
pub(crate) fn measure_tenant(tenant: &Arc<str>, sums: &TenantSums, states: [(&'static str, usize); 4]) {
    let label = ("tenant", tenant.clone());
    let [slots, busy] = slot_gauges(&label);
    slots.set(sums.slots as f64);
    busy.set(sums.busy as f64);
    gauge!(PEAK, label.0 => label.1.clone()).set(sums.peak_memory as f64);
    let calls = counter!(CALLS, label.0 => label.1.clone(), "role" => Role::Processor.interface());
    calls.absolute(sums.processor_calls);
    for (state, tasks) in states {
        gauge!(TASKS, label.0 => label.1.clone(), "state" => state).set(tasks as f64);
    }
}

/// Updates the gauges of a task without slots, whose last attempts may still run.
pub(crate) fn measure_removed(queue: &TaskQueue) {
    let [slots, busy] = slot_gauges(&series_label(queue.key()));
    slots.set(0.0);
    busy.set(queue.counts().running as f64);
}

fn slot_gauges((name, value): &SeriesLabel) -> [Gauge; 2] {
    [SLOTS, BUSY].map(|what| gauge!(what, *name => value.clone()))
}

/// Updates the gauges of tasks by state.
pub(crate) fn measure_states(states: [(&'static str, usize); 4]) {
    for (state, tasks) in states {
        gauge!(TASKS, "state" => state).set(tasks as f64);
    }
}

/// The event of a handler, as a task file names it.
fn event(role: Role) -> &'static str {
    let key = role.key();
    key.strip_prefix("event.").unwrap_or(key)
}
