//! The writer as its callers see it: the one thread that changes the file. Its own side is `commit_loop`.

use tokio::sync::{mpsc, oneshot};

use super::error::SqliteError;
use super::inbox::{Inbox, Step, UndoSender, Work};
use super::number::TaskNumber;
use super::sync::Answer;
use super::task_state::{Stepped, TaskTx};
use super::writer_state::WriterState;
use saggar_store::StoreError;
use saggar_tenant::{FairSemaphore, Flow};

/// The channel to the caller that waits for a step.
type Reply<T, E> = oneshot::Sender<Result<T, E>>;

/// The callers' handle of the writer.
pub(super) struct Writer {
    steps: mpsc::UnboundedSender<Step>,
    places: FairSemaphore,
    /// The sender for claims that did not reach their caller.
    pub(super) undo_sender: UndoSender,
}

impl Writer {
    pub(super) fn new() -> (Self, Inbox) {
        let (steps, places, undo_sender, inbox) = Inbox::new();
        (Self { steps, places, undo_sender }, inbox)
    }

    /// Runs `step` on a task, as one of `flow` that takes this many places, and waits for the answer. This and similar
    /// functions are not `async fn`s, so that their futures have no room for the step, which is in a box by then: the
    /// futures are moved more than once for each job.
    pub(super) fn on<T, E>(
        &self,
        flow: &Flow,
        places: usize,
        task: TaskNumber,
        step: impl FnOnce(&mut TaskTx<'_>) -> Stepped<T, E> + Send + 'static,
    ) -> impl Future<Output = Result<T, E>> + Send
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.ask_for(flow, places, on(task, step))
    }

    /// Runs `step` as one of `flow` that takes this many places, and waits for the answer.
    pub(super) fn ask_for<T, E>(
        &self,
        flow: &Flow,
        places: usize,
        step: impl FnOnce(&mut WriterState<'_>) -> Stepped<T, E> + Send + 'static,
    ) -> impl Future<Output = Result<T, E>> + Send
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (work, replied) = prepare(step);
        async move {
            let places = self.places.take(flow, places).await;
            self.send(work, places, replied).await
        }
    }

    /// Runs a step of the store itself, which waits for no place, and waits for the answer.
    pub(super) fn ask<T, E>(
        &self,
        step: impl FnOnce(&mut WriterState<'_>) -> Stepped<T, E> + Send + 'static,
    ) -> impl Future<Output = Result<T, E>> + Send
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (work, replied) = prepare(step);
        self.send(work, 0, replied)
    }

    async fn send<T, E>(&self, work: Work, places: usize, replied: oneshot::Receiver<Result<T, E>>) -> Result<T, E>
    where
        E: From<StoreError>,
    {
        if self.steps.send(Step { work, places }).is_err() {
            return refuse(SqliteError::Closed);
        }
        replied.await.unwrap_or_else(|_| refuse(SqliteError::Closed))
    }

    /// Makes the writer try a commit, without waiting for it.
    pub(super) fn try_nothing(&self) {
        self.undo_sender.wake();
    }
}

/// Boxes a step; returns it with the receiver of its answer.
fn prepare<T, E>(
    step: impl FnOnce(&mut WriterState<'_>) -> Stepped<T, E> + Send + 'static,
) -> (Work, oneshot::Receiver<Result<T, E>>)
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
    (work, replied)
}

/// Wraps a step on a task.
fn on<T, E>(
    task: TaskNumber,
    step: impl FnOnce(&mut TaskTx<'_>) -> Stepped<T, E>,
) -> impl FnOnce(&mut WriterState<'_>) -> Stepped<T, E>
where
    E: From<StoreError>,
{
    move |writer_state| match writer_state.tx(task) {
        Some(mut tx) => step(&mut tx),
        None => Ok(Err(StoreError::TaskRemoved.into())),
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
