//! Reading a job's log while it grows.

use std::pin::pin;

use saggar_job::JobId;

use super::TaskQueue;
use crate::{LogLine, StoreError};

/// The end of a job's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTail {
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
    /// The job has ended, and its attempts wrote no more lines than these.
    pub is_over: bool,
}

impl TaskQueue {
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
                return Ok(Some(LogTail { lines, is_over }));
            }
            tokio::select! {
                () = grown => {}
                () = ended => {}
            }
        }
    }
}
