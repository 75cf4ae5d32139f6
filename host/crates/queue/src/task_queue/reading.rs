//! Reading a job's log while it grows, and which attempt wrote its lines.

use std::pin::pin;
use std::sync::Arc;

use saggar_job::{JobId, Run, State, Timestamp};

use super::TaskQueue;
use crate::{AttemptRecord, Job, LogLine, Running, StoreError};

/// The end of a job's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTail {
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
    /// The job has ended, and its attempts wrote no more lines than these.
    pub is_over: bool,
    /// The attempts during which they were written.
    pub times: AttemptTimes,
}

/// When the attempts of a job ran, so far as they are recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttemptTimes(Vec<(Run, Timestamp, Timestamp)>);

impl AttemptTimes {
    /// Returns those of the attempts that have ended.
    pub fn of(attempts: &[AttemptRecord]) -> Self {
        Self(attempts.iter().map(|attempt| (attempt.run, attempt.started_at, attempt.ended_at)).collect())
    }

    /// Returns them with the running attempt of the job.
    #[must_use]
    pub fn with_running(mut self, job: &Job) -> Self {
        if let State::Running { run, started_at, .. } = job.life.state {
            self.0.push((run, started_at, Timestamp(u64::MAX)));
        }
        self
    }

    /// Returns the attempt that ran at a time, the later one of two; `None` if none did.
    pub fn run_at(&self, at: Timestamp) -> Option<Run> {
        let is_within = |(_, from, to): &&(Run, Timestamp, Timestamp)| (*from..=*to).contains(&at);
        self.0.iter().rev().find(is_within).map(|(run, ..)| *run)
    }
}

impl TaskQueue {
    /// Returns the attempts that run in this process, in no order.
    pub fn running_attempts(&self) -> Vec<Arc<Running>> {
        self.observer.running_jobs.running()
    }

    /// Returns the lines of a job's log after its first `read` ones, as soon as there are any or the job has ended.
    /// Call it again with that many more. The line about dropped lines is returned only after the job has ended,
    /// because it changes until then. `None` if there is no such job (any more). Cancel-safe.
    pub async fn log_after(&self, id: JobId, read: usize) -> Result<Option<LogTail>, StoreError> {
        let (reader, waiter) = (self.observer.readers.register(id), self.observer.waiters.register(id));
        loop {
            let (mut grown, mut ended) = (pin!(reader.woken()), pin!(waiter.woken()));
            grown.as_mut().enable();
            ended.as_mut().enable();
            // In this order, because an attempt's lines are in the log before its job has ended.
            let Some(job) = self.get(id).await? else { return Ok(None) };
            let Some(history) = self.history(id).await? else { return Ok(None) };
            let (mut lines, is_over) = (history.log, job.life.state.is_ended());
            if !is_over {
                lines.pop_if(|line| line.is_of_dropped());
            }
            if lines.len() > read || is_over {
                let lines = lines.split_off(read.min(lines.len()));
                let times = AttemptTimes::of(&history.attempts).with_running(&job);
                return Ok(Some(LogTail { lines, is_over, times }));
            }
            tokio::select! {
                () = grown => {}
                () = ended => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_of_the_attempt_that_ran_then() {
        let times = AttemptTimes(vec![
            (Run(3), Timestamp(10), Timestamp(20)),
            (Run(4), Timestamp(20), Timestamp(30)),
            (Run(7), Timestamp(40), Timestamp(u64::MAX)),
        ]);
        let at = |at| times.run_at(Timestamp(at)).map(|run| run.0);
        assert_eq!([9, 10, 20, 30, 31, 40, 99].map(at), [None, Some(3), Some(4), Some(4), None, Some(7), Some(7)]);
    }
}
