//! Rate limit of the host's own log. In each window of ten seconds, lines of one kind about one task, and all lines about
//! one tenant, are written up to a limit, and then only counted, so that a guest or a client cannot fill the operator's
//! disk.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Maximum number of written lines of one kind about one task per window.
const LINES_PER_WINDOW: u64 = 20;

/// Maximum number of written lines about all tasks of one tenant per window.
const TENANT_LINES_PER_WINDOW: u64 = 200;

/// The length of a window, after which the number of suppressed lines is reported.
const WINDOW: Duration = Duration::from_secs(10);

/// How many pairs of kind and task have counts of their own. Beyond this number, tasks share one count per kind.
const MAX_KINDS: usize = 4_096;

/// Log targets without a limit, because the operator's own actions bound their lines: one line for each problem of an
/// app, one for each slot that a drain stopped, and the summaries. The lines of the audit are asked for, and requests of one
/// second share them.
const UNLIMITED: [&str; 4] = [super::PROBLEMS, super::AUDIT, "saggar_worker::failures::stopped", SUMMARY];

/// The log target of the summaries of suppressed lines.
const SUMMARY: &str = "saggar::log_limit";

/// The kind of a line, by which lines are counted: its call site and its task.
type LineKind = (Identifier, String);

/// The layer that limits the lines. Clones share their counts.
#[derive(Clone)]
pub(super) struct RateLimit(Arc<Shared>);

#[derive(Default)]
struct Shared {
    windows: Mutex<HashMap<LineKind, Window>>,
    /// When the window of each tenant began, and how many lines about it were written since. Locked after `windows`.
    tenants: Mutex<HashMap<String, (Instant, u64)>>,
    /// Notified when a line is suppressed.
    suppressed: Condvar,
}

struct Window {
    began: Instant,
    lines: u64,
    /// Suppressed lines that were not reported yet, in this window or, without the thread, in earlier ones.
    suppressed: u64,
    level: Level,
    /// The message of the first line, for the summary.
    message: String,
}

/// The suppressed lines of a window.
struct Suppressed {
    level: Level,
    task: String,
    message: String,
    lines: u64,
}

impl RateLimit {
    /// Creates the layer, and starts the thread that reports suppressed lines.
    pub(super) fn start() -> Self {
        let limit = Self(Arc::default());
        let shared = Arc::clone(&limit.0);
        let run = move || {
            loop {
                shared.wait();
                log_suppressed(shared.take(Instant::now() - WINDOW));
            }
        };
        // Without the thread, windows end by themselves, and suppressed lines are reported only by `flush`. The host can
        // start nevertheless.
        drop(std::thread::Builder::new().name("saggar-log".into()).spawn(run));
        limit
    }

    /// Reports the lines that were suppressed until now. Called before the process ends.
    pub(super) fn flush(&self) {
        log_suppressed(self.0.take(Instant::now()));
    }
}

impl Shared {
    /// Waits until a line is suppressed, and then until its window has ended.
    fn wait(&self) {
        let mut windows = self.windows.lock();
        while windows.values().all(|window| window.suppressed == 0) {
            self.suppressed.wait(&mut windows);
        }
        drop(windows);
        std::thread::sleep(WINDOW);
    }

    /// Counts a line of `kind`; returns whether to write it.
    fn admit(&self, kind: LineKind, level: Level, message: String, now: Instant) -> bool {
        let tenant = kind.1.split_once('/').map(|(tenant, _)| tenant.to_owned());
        let mut windows = self.windows.lock();
        // The thread ends windows with suppressed lines, at the latest in the second window after them.
        let is_over = |window: &Window| {
            let windows = if window.suppressed == 0 { 1 } else { 3 };
            now.duration_since(window.began) >= windows * WINDOW
        };
        let kind = match windows.contains_key(&kind) || windows.len() < MAX_KINDS {
            true => kind,
            false => {
                windows.retain(|_, window| !is_over(window));
                if windows.len() < MAX_KINDS { kind } else { (kind.0, String::new()) }
            }
        };
        let callsite = kind.0.clone();
        let begin = || Window { began: now, lines: 0, suppressed: 0, level, message };
        let window = windows.entry(kind).or_insert_with(begin);
        if is_over(window) {
            (window.began, window.lines) = (now, 0);
        }
        window.lines += 1;
        if window.lines > LINES_PER_WINDOW {
            window.suppressed += 1;
        } else if tenant.as_deref().is_none_or(|tenant| self.admit_of_tenant(tenant, now)) {
            return true;
        } else {
            // Counted for all tasks of the tenant together, because each summary is a line, too.
            let (level, message) = (window.level, window.message.clone());
            let has_room = windows.len() < MAX_KINDS;
            let kind = (callsite, tenant.filter(|_| has_room).unwrap_or_default());
            let begin = || Window { began: now, lines: LINES_PER_WINDOW, suppressed: 0, level, message };
            windows.entry(kind).or_insert_with(begin).suppressed += 1;
        }
        self.suppressed.notify_one();
        false
    }

    /// Counts a line about a tenant; returns whether to write it.
    fn admit_of_tenant(&self, tenant: &str, now: Instant) -> bool {
        let mut tenants = self.tenants.lock();
        let is_over = |began: Instant| now.duration_since(began) >= WINDOW;
        if !tenants.contains_key(tenant) && tenants.len() >= MAX_KINDS {
            tenants.retain(|_, (began, _)| !is_over(*began));
        }
        // Many tenants at once share the last window.
        let name = if tenants.contains_key(tenant) || tenants.len() < MAX_KINDS { tenant } else { "" };
        let (began, lines) = tenants.entry(name.to_owned()).or_insert((now, 0));
        if is_over(*began) {
            (*began, *lines) = (now, 0);
        }
        *lines += 1;
        *lines <= TENANT_LINES_PER_WINDOW
    }

    /// Removes the windows that began at `until` or before; returns their suppressed lines.
    fn take(&self, until: Instant) -> Vec<Suppressed> {
        let mut windows = self.windows.lock();
        let mut taken = Vec::new();
        windows.retain(|(_, task), window| {
            let is_over = window.began <= until;
            if is_over && window.suppressed > 0 {
                let (level, task, message) = (window.level, task.clone(), window.message.clone());
                taken.push(Suppressed { level, task, message, lines: window.suppressed });
            }
            !is_over
        });
        taken
    }
}

fn log_suppressed(suppressed: Vec<Suppressed>) {
    for Suppressed { level, task, message, lines } in suppressed {
        let task = (!task.is_empty()).then_some(task);
        let text = format!("{message} (… and {} more in the last {} s)", grouped(lines), WINDOW.as_secs());
        if level == Level::ERROR {
            tracing::error!(target: SUMMARY, task, lines, "{text}");
        } else if level == Level::WARN {
            tracing::warn!(target: SUMMARY, task, lines, "{text}");
        } else {
            tracing::info!(target: SUMMARY, task, lines, "{text}");
        }
    }
}

/// Formats a number as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let (head, rest) = digits.split_at(if first == 0 { 3.min(digits.len()) } else { first });
    let mut grouped = head.to_owned();
    for at in (0..rest.len()).step_by(3) {
        grouped += ",";
        grouped += &rest[at..at + 3];
    }
    grouped
}

impl<S: Subscriber> Layer<S> for RateLimit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        // Debug lines are never limited: the operator has enabled them.
        if *metadata.level() > Level::INFO || UNLIMITED.contains(&metadata.target()) {
            return true;
        }
        let mut fields = EventFields::default();
        event.record(&mut fields);
        self.0.admit((metadata.callsite(), fields.task), *metadata.level(), fields.message, Instant::now())
    }
}

/// The fields of a line that the limit uses.
#[derive(Default)]
struct EventFields {
    task: String,
    message: String,
}

impl Visit for EventFields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "task" => self.task = format!("{value:?}"),
            // `tenant/task#id`. Some lines have both the task and a job id; then the task counts.
            "job" if self.task.is_empty() => {
                let job = format!("{value:?}");
                self.task = job.split_once('#').map_or(String::new(), |(task, _)| task.to_owned());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// Collects the written lines.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Written {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut fields = EventFields::default();
            event.record(&mut fields);
            self.0.lock().push(format!("{}: {}", fields.task, fields.message));
        }
    }

    #[test]
    fn lines_of_a_kind_about_a_task_are_limited_and_counted() {
        let (limit, written) = (RateLimit(Arc::default()), Written::default());
        let subscriber = tracing_subscriber::registry().with(written.clone()).with(limit.clone());
        with_default(subscriber, || {
            for _ in 0..1_254 {
                tracing::warn!(task = %"default/noisy", "next failed");
            }
            for id in 0..30 {
                tracing::error!(job = %format!("default/other#{id}"), "the result was not stored");
            }
            tracing::warn!(task = %"default/quiet", "next failed");
            for number in 0..30 {
                tracing::error!(target: "saggar::problems", number, "problem found");
                tracing::debug!(task = %"default/noisy", "an attempt begins");
            }
            limit.flush();
        });
        let written = written.0.lock();
        let count = |line: &str| written.iter().filter(|written| *written == line).count();
        assert_eq!(count("default/noisy: next failed"), 20);
        assert_eq!(count("default/quiet: next failed"), 1, "another task is not limited");
        assert_eq!(count("default/other: the result was not stored"), 20, "the lines of jobs count for their task");
        assert_eq!((count(": problem found"), count("default/noisy: an attempt begins")), (30, 30));
        assert_eq!(count("\"default/noisy\": next failed (… and 1,234 more in the last 10 s)"), 1, "{written:#?}");
        assert_eq!(count("\"default/other\": the result was not stored (… and 10 more in the last 10 s)"), 1);
    }

    #[test]
    fn lines_about_many_tasks_of_one_tenant_are_limited_together() {
        let (shared, now) = (Shared::default(), Instant::now());
        let admitted = |tenant: &str, at: Instant| {
            let task = |number| (Identifier(tracing_callsite()), format!("{tenant}/task-{number}"));
            (0..1_000).filter(|number| shared.admit(task(*number), Level::WARN, "x".into(), at)).count()
        };
        assert_eq!((admitted("noisy", now), admitted("quiet", now)), (200, 200), "each tenant has its own limit");
        let suppressed = shared.take(now);
        let noisy: Vec<_> = suppressed.iter().filter(|suppressed| suppressed.task == "noisy").collect();
        assert_eq!((noisy.len(), noisy[0].lines), (1, 800), "one summary for all tasks");
        assert_eq!(admitted("noisy", now + WINDOW), 200);
    }

    #[test]
    fn a_window_restarts_after_its_end() {
        let shared = Shared::default();
        let kind = || {
            let event = tracing::callsite::Identifier(tracing_callsite());
            (event, "default/a".to_owned())
        };
        let now = Instant::now();
        let admitted = |at: Instant| (0..50).filter(|_| shared.admit(kind(), Level::WARN, "x".into(), at)).count();
        assert_eq!(admitted(now), 20);
        assert_eq!(shared.take(now - WINDOW).len(), 0, "the window has not ended");
        assert_eq!(shared.take(now)[0].lines, 30);
        assert_eq!(admitted(now + Duration::from_secs(1)), 20);
    }

    /// The summaries are made by a thread, which the operating system may refuse to start.
    #[test]
    fn a_kind_is_written_again_when_its_suppressed_lines_are_not_reported() {
        let (shared, now) = (Shared::default(), Instant::now());
        let kind = || (Identifier(tracing_callsite()), "default/a".to_owned());
        let admitted = |at: Instant| (0..50).filter(|_| shared.admit(kind(), Level::WARN, "x".into(), at)).count();
        assert_eq!((admitted(now), admitted(now + WINDOW)), (20, 0));
        assert_eq!((admitted(now + 3 * WINDOW), admitted(now + 4 * WINDOW)), (20, 0));
        assert_eq!(shared.take(now + 3 * WINDOW)[0].lines, 4 * 50 - 2 * 20, "all suppressed lines are counted");
    }

    #[test]
    fn the_number_of_windows_is_bounded() {
        let shared = Shared::default();
        let now = Instant::now();
        for task in 0..2 * MAX_KINDS {
            let kind = (Identifier(tracing_callsite()), task.to_string());
            shared.admit(kind, Level::WARN, "x".into(), now);
        }
        assert!(shared.windows.lock().len() <= MAX_KINDS + 1);
    }

    fn tracing_callsite() -> &'static dyn tracing::Callsite {
        struct Here;
        impl tracing::Callsite for Here {
            fn set_interest(&self, _: tracing::subscriber::Interest) {}
            fn metadata(&self) -> &tracing::Metadata<'_> {
                unreachable!("not called")
            }
        }
        static HERE: Here = Here;
        &HERE
    }

    #[test]
    fn numbers_are_grouped() {
        let grouped = [0, 7, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(grouped, ["0", "7", "999", "1,000", "12,345", "1,234,567"]);
    }
}
