//! Reports compilations that take long, so that a user knows what a start or a reload waits for.

use std::fmt;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A compilation is reported once it has taken this long. Most components compile faster.
const REPORT_AFTER: Duration = Duration::from_secs(1);

/// A function that gets the file of a component, and the state of its compilation.
type ReportFn = dyn Fn(&Path, CompileState) + Send + Sync;

/// The state of a compilation that takes long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompileState {
    /// It is still running.
    Running,
    /// It has ended, with or without success, after this time.
    Ended(Duration),
}

/// Where compilations that take long are reported. Cheap to clone.
#[derive(Clone)]
pub struct CompileReport {
    after: Duration,
    report: Arc<ReportFn>,
}

impl CompileReport {
    /// Creates a report that calls `report` twice for each compilation that takes longer than a second.
    pub fn new(report: impl Fn(&Path, CompileState) + Send + Sync + 'static) -> Self {
        Self { after: REPORT_AFTER, report: Arc::new(report) }
    }

    /// Sets how long a compilation takes before it is reported.
    #[must_use]
    pub fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    /// Awaits the compilation of the component in the file `path`.
    pub(crate) async fn watch<T>(&self, path: &Path, compilation: impl Future<Output = T>) -> T {
        let mut compilation = pin!(compilation);
        let start = Instant::now();
        if let Ok(compiled) = tokio::time::timeout(self.after, &mut compilation).await {
            return compiled;
        }
        (self.report)(path, CompileState::Running);
        let compiled = compilation.await;
        (self.report)(path, CompileState::Ended(start.elapsed()));
        compiled
    }
}

impl Default for CompileReport {
    /// Reports nothing.
    fn default() -> Self {
        Self::new(|_, _| ())
    }
}

impl fmt::Debug for CompileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompileReport").field("after", &self.after).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[tokio::test]
    async fn only_long_compilations_are_reported_with_their_end() {
        let (reported, is_running) = (Arc::new(Mutex::new(Vec::new())), Arc::new(tokio::sync::Notify::new()));
        let report = CompileReport::new({
            let (reported, is_running) = (reported.clone(), is_running.clone());
            move |path, state| {
                reported.lock().push((path.to_owned(), matches!(state, CompileState::Ended(_))));
                is_running.notify_one();
            }
        });
        assert_eq!(report.watch(Path::new("fast"), async { 1 }).await, 1);
        let slow = async {
            is_running.notified().await;
            2
        };
        assert_eq!(report.after(Duration::ZERO).watch(Path::new("slow"), slow).await, 2);
        assert_eq!(*reported.lock(), [("slow".into(), false), ("slow".into(), true)]);
    }
}
