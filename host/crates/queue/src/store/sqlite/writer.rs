//! The writer: the one thread that changes the file, as those see it who have steps to be done. What it does itself is its
//! `desktop`'s.

use tokio::sync::{mpsc, oneshot};

use super::error::SqliteError;
use super::inbox::{Inbox, Undone};
use super::number::TaskNumber;
use super::shelf::{Desk, Stepped};
use super::sync::Answer;
use super::workshop::Workshop;
use crate::{AddError, Added, AddingLasted, Claimed, Finished, Lasted, StoreError};

/// A step, to be done or to be told why it is not.
pub(super) type Work =
    Box<dyn FnOnce(Result<&mut Workshop<'_>, SqliteError>) -> (rusqlite::Result<()>, Answers) + Send>;

/// What is to be sent when a step is done.
#[derive(Default)]
pub(super) struct Answers {
    /// As soon as what the step hands out may be used.
    pub(super) ahead: Option<Answer>,
    /// When the step has lasted.
    pub(super) lasting: Option<Answer>,
    /// Whether an attempt begins as its job is added, and so may end soon.
    pub(super) begins: bool,
    /// Whether one ends.
    pub(super) ends: bool,
}

impl Answers {
    fn lasting(answer: Answer) -> Self {
        Self { lasting: Some(answer), ..Self::default() }
    }
}

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

    /// Has `step` done on a task, and waits until it has lasted. This and the like are no `async fn`s so that their futures
    /// have no room for the step, which is on its way in a box by then: they are moved about more than once for each job.
    pub(super) fn on<T, E>(
        &self,
        task: TaskNumber,
        step: impl FnOnce(&mut Desk<'_>) -> Stepped<T, E> + Send + 'static,
    ) -> impl Future<Output = Result<T, E>> + Send
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.ask(on(task, step))
    }

    /// Has `step` done, and waits until it has lasted.
    pub(super) fn ask<T, E>(
        &self,
        step: impl FnOnce(&mut Workshop<'_>) -> Stepped<T, E> + Send + 'static,
    ) -> impl Future<Output = Result<T, E>> + Send
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.ask_in_parts(step, |reply, outcome| Answers::lasting(whole(reply, outcome)))
    }

    /// Has jobs added, and calls `lasted` when that has lasted. If attempts begin with it, answers as soon as it is written; else
    /// when it has lasted.
    pub(super) fn add(
        &self,
        task: TaskNumber,
        lasted: AddingLasted,
        step: impl FnOnce(&mut Desk<'_>) -> Stepped<(Vec<Added>, Claimed), AddError> + Send + 'static,
    ) -> impl Future<Output = Result<Claimed, AddError>> + Send {
        self.ask_in_parts(on(task, step), move |reply, outcome| {
            let (added, claimed) = match outcome {
                Ok(Ok(done)) => done,
                Ok(Err(error)) => return Answers::lasting(whole(reply, Ok(Err(error)))),
                Err(error) => return Answers::lasting(whole(reply, Err(error))),
            };
            let is_ahead = !claimed.jobs.is_empty();
            let answer = whole(reply, Ok(Ok(claimed)));
            let tell = move |fate: &Result<(), SqliteError>| {
                if fate.is_ok() {
                    lasted(added);
                }
            };
            Answers { begins: is_ahead, ..in_parts(is_ahead, tell, answer) }
        })
    }

    /// Has the end of an attempt written. If the next one begins with it, answers as soon as that may run, and calls
    /// `lasted` when the end has lasted; else calls it and answers then.
    pub(super) fn finish(
        &self,
        task: TaskNumber,
        lasted: Lasted,
        step: impl FnOnce(&mut Desk<'_>) -> Stepped<Finished, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<Finished, StoreError>> + Send {
        self.ask_in_parts(on(task, step), move |reply, outcome| {
            let Ok(Ok(finished)) = &outcome else { return Answers::lasting(whole(reply, outcome)) };
            let (ended, is_ahead) = (finished.ended.clone(), finished.next.is_some());
            let answer = whole(reply, outcome);
            let tell = move |fate: &Result<(), SqliteError>| {
                if fate.is_ok() {
                    lasted(ended);
                }
            };
            Answers { ends: true, ..in_parts(is_ahead, tell, answer) }
        })
    }

    /// Has `step` done. `answers` makes of what came of it what is to be sent, and when.
    fn ask_in_parts<T, A, E>(
        &self,
        step: impl FnOnce(&mut Workshop<'_>) -> Stepped<T, E> + Send + 'static,
        answers: impl FnOnce(Reply<A, E>, Result<Result<T, E>, SqliteError>) -> Answers + Send + 'static,
    ) -> impl Future<Output = Result<A, E>> + Send
    where
        A: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, replied) = oneshot::channel::<Result<A, E>>();
        let work: Work = Box::new(move |workshop| {
            let (result, outcome) = match workshop.map(step) {
                Ok(Ok(result)) => (Ok(()), Ok(result)),
                Ok(Err(error)) => (Err(error), Err(SqliteError::Closed)),
                Err(error) => (Ok(()), Err(error)),
            };
            (result, answers(reply, outcome))
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
        drop(self.steps.try_send(Box::new(|_| (Ok(()), Answers::default()))));
    }

    /// Where to put what nobody got.
    pub(super) fn undone(&self) -> Undone {
        self.undone.clone()
    }
}

/// A step on a task.
fn on<T, E>(
    task: TaskNumber,
    step: impl FnOnce(&mut Desk<'_>) -> Stepped<T, E>,
) -> impl FnOnce(&mut Workshop<'_>) -> Stepped<T, E> {
    move |workshop| match workshop.desk(task) {
        Some(mut desk) => step(&mut desk),
        None => Err(rusqlite::Error::QueryReturnedNoRows),
    }
}

/// Tells when the step has lasted, and answers before that or then.
fn in_parts(is_ahead: bool, tell: impl FnOnce(&Result<(), SqliteError>) + Send + 'static, answer: Answer) -> Answers {
    if is_ahead {
        let lasting: Answer = Box::new(move |fate| tell(&fate));
        return Answers { ahead: Some(answer), ..Answers::lasting(lasting) };
    }
    Answers::lasting(Box::new(move |fate| {
        tell(&fate);
        answer(fate);
    }))
}

/// The answer that says all that came of a step, to whoever asked for it.
fn whole<T, E>(reply: Reply<T, E>, outcome: Result<Result<T, E>, SqliteError>) -> Answer
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
