//! The writer as its callers see it: the one thread that changes the file. Its own side is `commit_loop`.

use tokio::sync::{mpsc, oneshot};

use super::error::SqliteError;
use super::inbox::{Inbox, UndoSender, Work};
use super::number::TaskNumber;
use super::sync::Answer;
use super::task_state::{Stepped, TaskTx};
use super::writer_state::WriterState;
use saggar_store::StoreError;

/// The channel to the caller that waits for a step.
type Reply<T, E> = oneshot::Sender<Result<T, E>>;

/// The callers' handle of the writer.
pub(super) struct Writer {
    steps: mpsc::Sender<Work>,
    /// The sender for claims that did not reach their caller.
    pub(super) undo_sender: UndoSender,
}

impl Writer {
    pub(super) fn new() -> (Self, Inbox) {
        let (steps, undo_sender, inbox) = Inbox::new();
        (Self { steps, undo_sender }, inbox)
    }

    /// Runs `step` on a task, and waits for the answer. This and similar functions are not `async fn`s, so that their
    /// futures have no room for the step, which is in a box by then: the futures are moved more than once for each job.
    pub(super) fn on<T, E>(
        &self,
        task: TaskNumber,
        step: impl FnOnce(&mut TaskTx<'_>) -> Stepped<T, E> + Send + 'static,
    ) -> impl Future<Output = Result<T, E>> + Send
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.ask(on(task, step))
    }

    /// Runs `step`, and waits for the answer.
    pub(super) fn ask<T, E>(
        &self,
        step: impl FnOnce(&mut WriterState<'_>) -> Stepped<T, E> + Send + 'static,
    ) -> impl Future<Output = Result<T, E>> + Send
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, replied) = oneshot::channel::<Result<T, E>>();
        let work: Work = Box::new(move |writer_state| {
            let (result, outcome) = match writer_state.map(step) {
                Ok(Ok(result)) => (Ok(()), Ok(result)),
                Ok(Err(error)) => (Err(error), Err(SqliteError::Closed)),
                Err(error) => (Ok(()), Err(error)),
            };
            (result, Some(answer(reply, outcome)))
        });
        async move {
            if self.steps.send(work).await.is_err() {
                return refuse(SqliteError::Closed);
            }
            replied.await.unwrap_or_else(|_| refuse(SqliteError::Closed))
        }
    }

    /// Makes the writer try a commit, without waiting for it.
    pub(super) fn try_nothing(&self) {
        // If its queue is full, it tries anyway.
        drop(self.steps.try_send(Box::new(|_| (Ok(()), None))));
    }
}

/// Wraps a step on a task.
fn on<T, E>(
    task: TaskNumber,
    step: impl FnOnce(&mut TaskTx<'_>) -> Stepped<T, E>,
) -> impl FnOnce(&mut WriterState<'_>) -> Stepped<T, E> {
    move |writer_state| match writer_state.tx(task) {
        Some(mut tx) => step(&mut tx),
        None => Err(rusqlite::Error::QueryReturnedNoRows),
    }
}

/// Creates the answer that sends a step's outcome to its caller.
fn answer<T, E>(reply: Reply<T, E>, outcome: Result<Result<T, E>, SqliteError>) -> Answer
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    Box::new(move |fate| {
        let answer = fate.map_or_else(refuse, |()| outcome.unwrap_or_else(refuse));
        // The caller may have been dropped; its `ReplyGuard` undoes the claims.
        drop(reply.send(answer));
    })
}

fn refuse<T, E: From<StoreError>>(error: SqliteError) -> Result<T, E> {
    Err(E::from(StoreError::from(error)))
}
