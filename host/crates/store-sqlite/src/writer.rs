//! The writer: the one thread that changes the file, as those see it who have steps to be done. What it does itself is its
//! `commit_loop`'s.

use tokio::sync::{mpsc, oneshot};

use super::error::SqliteError;
use super::inbox::{Inbox, Undone, Work};
use super::number::TaskNumber;
use super::sync::Answer;
use super::task_state::{Stepped, TaskTx};
use super::writer_state::WriterState;
use saggar_store::StoreError;

/// Whoever waits for what came of a step.
type Reply<T, E> = oneshot::Sender<Result<T, E>>;

/// What those who have steps to be done hold.
pub(super) struct Writer {
    steps: mpsc::Sender<Work>,
    undone: Undone,
}

impl Writer {
    pub(super) fn new() -> (Self, Inbox) {
        let (steps, undone, inbox) = Inbox::new();
        (Self { steps, undone }, inbox)
    }

    /// Has `step` done on a task, and waits for the answer. This and the like are no `async fn`s so that their futures
    /// have no room for the step, which is on its way in a box by then: they are moved about more than once for each job.
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

    /// Has `step` done, and waits for the answer.
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

    /// Has the writer try to write, without waiting for it.
    pub(super) fn try_nothing(&self) {
        // If its queue is full it tries anyway.
        drop(self.steps.try_send(Box::new(|_| (Ok(()), None))));
    }

    /// Where to put what nobody got.
    pub(super) fn undone(&self) -> Undone {
        self.undone.clone()
    }
}

/// A step on a task.
fn on<T, E>(
    task: TaskNumber,
    step: impl FnOnce(&mut TaskTx<'_>) -> Stepped<T, E>,
) -> impl FnOnce(&mut WriterState<'_>) -> Stepped<T, E> {
    move |writer_state| match writer_state.tx(task) {
        Some(mut tx) => step(&mut tx),
        None => Err(rusqlite::Error::QueryReturnedNoRows),
    }
}

/// The answer that says all that came of a step, to whoever asked for it.
fn answer<T, E>(reply: Reply<T, E>, outcome: Result<Result<T, E>, SqliteError>) -> Answer
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    Box::new(move |fate| {
        let answer = fate.map_or_else(refuse, |()| outcome.unwrap_or_else(refuse));
        // Whoever asked may have gone; what was handed out to it undoes itself.
        drop(reply.send(answer));
    })
}

fn refuse<T, E: From<StoreError>>(error: SqliteError) -> Result<T, E> {
    Err(E::from(StoreError::from(error)))
}
