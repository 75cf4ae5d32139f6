//! Draws the live view on a terminal: a line per task and a bar per running job, as many as fit.

use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use saggar_job::{Clock, SystemClock, Timestamp};
use saggar_wire::TaskSummary;

use super::live_view::{LiveView, RunningJob};
use crate::commands::output::{self, cell};
use crate::commands::{show, tasks};

/// Height of a terminal that does not report its size.
const DEFAULT_LINES: usize = 24;

/// The drawn lines. The last ones stay on the terminal when it is dropped.
pub(super) struct Screen {
    all: MultiProgress,
    /// A line per shown task.
    tasks: Vec<ProgressBar>,
    /// The line with the numbers of tasks and jobs that do not fit.
    rest: Option<ProgressBar>,
    /// The bars of jobs, by their position in the view.
    jobs: HashMap<u64, Bar>,
}

struct Bar {
    bar: ProgressBar,
    /// Whether the total amount of work is known.
    measured: bool,
}

impl Screen {
    pub(super) fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        Self { all, tasks: Vec::new(), rest: None, jobs: HashMap::new() }
    }

    /// Prints a line above the view.
    pub(super) fn line(&self, text: &str) -> std::io::Result<()> {
        self.all.println(cell(text))
    }

    /// Redraws the view.
    pub(super) fn draw(&mut self, view: &LiveView) {
        let lines = output::terminal_size().1.map_or(DEFAULT_LINES, usize::from);
        let layout = Layout::split(lines, view.tasks().len(), view.running().len());
        self.draw_tasks(&busiest(view.tasks(), layout.tasks));
        self.draw_jobs(view, layout.jobs);
        let rest = [(view.tasks().len() - layout.tasks, "tasks"), (view.running().len() - layout.jobs, "running jobs")];
        self.draw_rest(&rest);
    }

    fn draw_tasks(&mut self, tasks: &[&TaskSummary]) {
        while self.tasks.len() > tasks.len() {
            if let Some(gone) = self.tasks.pop() {
                self.all.remove(&gone);
            }
        }
        while self.tasks.len() < tasks.len() {
            let line = self.all.insert(self.tasks.len(), text_line());
            self.tasks.push(line);
        }
        let width = tasks.iter().map(|task| task.id.chars().count()).max().unwrap_or(0);
        for (line, task) in self.tasks.iter().zip(tasks) {
            line.set_message(cell(&counts(task, width)));
        }
    }

    fn draw_jobs(&mut self, view: &LiveView, most: usize) {
        let shown: HashMap<u64, &RunningJob> = view.running().take(most).collect();
        let all = &self.all;
        self.jobs.retain(|position, bar| {
            let stays = shown.get(position).is_some_and(|job| bar.measured == (job.total > 0));
            if !stays {
                all.remove(&bar.bar);
            }
            stays
        });
        for (at, (position, job)) in view.running().take(most).enumerate() {
            let line = self.tasks.len() + at;
            let Bar { bar, .. } = self.jobs.entry(position).or_insert_with(|| new_bar(all, line, job));
            show::progress(bar, job.current, job.total, &job.message);
            bar.tick();
        }
    }

    fn draw_rest(&mut self, rest: &[(usize, &str)]) {
        let rest: Vec<String> =
            rest.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} more {what}")).collect();
        match (rest.is_empty(), &self.rest) {
            (true, Some(line)) => {
                self.all.remove(line);
                self.rest = None;
            }
            (true, None) => {}
            (false, line) => {
                let line = line.clone().unwrap_or_else(|| self.all.add(text_line()));
                line.set_message(format!("… and {}", rest.join(", ")));
                self.rest = Some(line);
            }
        }
    }
}

impl Drop for Screen {
    /// Leaves the last lines on the terminal. Otherwise indicatif would remove them one by one, and would redraw the
    /// rest in the wrong place after the terminal has printed `^C`.
    fn drop(&mut self) {
        self.all.set_draw_target(ProgressDrawTarget::hidden());
    }
}

/// The numbers of lines for tasks and for jobs.
#[derive(Debug, PartialEq, Eq)]
struct Layout {
    tasks: usize,
    jobs: usize,
}

impl Layout {
    /// Divides the lines. Tasks get at most half of them, or more if the jobs need fewer. One line is for what does not
    /// fit, one for the cursor.
    fn split(lines: usize, tasks: usize, jobs: usize) -> Self {
        let lines = lines.saturating_sub(2).max(2);
        let of_tasks = tasks.min((lines / 2).max(lines.saturating_sub(jobs)));
        Self { tasks: of_tasks, jobs: jobs.min(lines - of_tasks) }
    }
}

/// Returns the `most` tasks with the most waiting and running jobs, sorted by id.
fn busiest(tasks: &[TaskSummary], most: usize) -> Vec<&TaskSummary> {
    let mut found: Vec<&TaskSummary> = tasks.iter().collect();
    found.sort_by_key(|task| std::cmp::Reverse(task.counts.running.saturating_add(task.counts.waiting)));
    found.truncate(most);
    found.sort_by(|one, other| one.id.cmp(&other.id));
    found
}

fn counts(task: &TaskSummary, width: usize) -> String {
    let (counts, rates) = (task.counts, task.rates);
    format!(
        "{:<width$}  {:<9}  {} waiting  {} running  {} success  {} failure  {:.1} added/s  {:.1} ended/s",
        task.id,
        tasks::state(task.state, task.paused),
        counts.waiting,
        counts.running,
        counts.success,
        counts.failure,
        rates.added.per_second,
        rates.succeeded.per_second + rates.failed.per_second,
    )
}

fn text_line() -> ProgressBar {
    styled(ProgressBar::new(0), "{wide_msg}")
}

fn new_bar(all: &MultiProgress, line: usize, job: &RunningJob) -> Bar {
    let measured = job.total > 0;
    let template = if measured {
        "  {prefix} {bar:20} {pos}/{len} {wide_msg}"
    } else {
        "  {prefix} {spinner} {elapsed} {wide_msg}"
    };
    let bar = all.insert(line, styled(ProgressBar::new(job.total), template));
    let attempt = if job.attempt > 1 { format!(" (attempt {})", job.attempt) } else { String::new() };
    bar.set_prefix(cell(&format!("{}#{}{attempt}", job.task, job.id)));
    Bar { bar: bar.with_elapsed(elapsed(&job.started_at, SystemClock.now())), measured }
}

/// Returns the time since a timestamp of the host; zero if it is invalid, or if the host's clock is ahead of ours.
fn elapsed(since: &str, now: Timestamp) -> Duration {
    let since = humantime::parse_rfc3339(since).ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    since.map_or(Duration::ZERO, |since| Duration::from_millis(now.0).saturating_sub(since))
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_and_jobs_share_the_lines() {
        let share = |lines, tasks, jobs| {
            let Layout { tasks, jobs } = Layout::split(lines, tasks, jobs);
            (tasks, jobs)
        };
        assert_eq!(share(24, 3, 5), (3, 5));
        assert_eq!(share(24, 3, 100), (3, 19));
        assert_eq!(share(24, 100, 100), (11, 11));
        assert_eq!(share(24, 100, 2), (20, 2));
        assert_eq!(share(0, 5, 5), (1, 1));
    }

    #[test]
    fn elapsed_time_counts_from_the_timestamp_of_the_host() {
        let now = Timestamp(1_795_514_400_000);
        assert_eq!(elapsed("2026-11-24T09:58:30.000Z", now), Duration::from_secs(90));
        for unknown in ["2026-11-24T10:00:01.000Z", "", "yesterday"] {
            assert_eq!(elapsed(unknown, now), Duration::ZERO, "{unknown}");
        }
    }

    #[test]
    fn the_templates_are_valid() {
        for template in
            ["{wide_msg}", "  {prefix} {bar:20} {pos}/{len} {wide_msg}", "  {prefix} {spinner} {elapsed} {wide_msg}"]
        {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
