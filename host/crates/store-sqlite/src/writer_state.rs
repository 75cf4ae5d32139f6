//! All tasks in the writer's memory, loaded from the file and written back.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use rusqlite::{Connection, params};
use saggar_job::{TaskKey, Timestamp};

use super::batch_context::{Batch, BatchContext};
use super::limits::Limits;
use super::number::{MOST_TASKS, TaskNumber};
use super::record::{CANCELLING, Orphan, Record};
use super::shared::{Registry, Shared};
use super::statements::Statements;
use super::task_state::{TaskState, TaskTx};
use super::tenant_books::TenantBooks;
use saggar_store::{CallbackNumber, Observer, Rules};

mod evicting;
mod recordings;
mod removing;

pub(super) struct WriterState<'c> {
    pub(super) db: &'c Connection,
    statements: Statements<'c>,
    tasks: HashMap<TaskNumber, TaskState, RandomState>,
    by_key: HashMap<TaskKey, TaskNumber>,
    pub(super) batch_context: BatchContext,
    /// The tasks that the current batch has touched.
    touched: Vec<TaskNumber>,
    /// The tasks that the current batch has removed.
    removed: Vec<TaskState>,
    /// The highest number that a task has or had in this process. A handle of a removed task has its number, so no
    /// other task gets it.
    last_task: i64,
    registry: Arc<Registry>,
    books: TenantBooks,
    limits: Limits,
}

impl<'c> WriterState<'c> {
    pub(super) fn load(db: &'c Connection, registry: Arc<Registry>, limits: Limits) -> rusqlite::Result<Self> {
        let mut writer_state = Self::read(db, registry, limits, 1)?;
        let numbers: Vec<TaskNumber> = writer_state.tasks.keys().copied().collect();
        for task in numbers {
            if let Some(state) = writer_state.tasks.get_mut(&task) {
                state.publish(db, 0)?;
                writer_state.registry.enter(Arc::clone(&state.shared));
            }
        }
        writer_state.registry.kept.set(writer_state.batch_context.kept_bytes);
        writer_state.books.publish();
        Ok(writer_state)
    }

    fn read(db: &'c Connection, registry: Arc<Registry>, limits: Limits, seq: u64) -> rusqlite::Result<Self> {
        let mut tasks: HashMap<TaskNumber, TaskState, RandomState> = HashMap::default();
        let mut books = TenantBooks::default();
        let mut statement = db.prepare("SELECT * FROM tasks")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let state = TaskState::load(db, row, &limits, |key| books.of(&key.tenant, &registry.levels))?;
            tasks.insert(state.task, state);
        }
        let claims = BatchContext::read_claims(db)?;
        let count = claims.len();
        for orphan in claims.into_values() {
            let sql = "SELECT run, attempt, flags FROM jobs WHERE job = ?1 AND stage < 4";
            let mut statement = db.prepare_cached(sql)?;
            let mut rows = statement.query([orphan.job.0])?;
            let Some(row) = rows.next()? else { continue };
            // A row with this run or a later one was written after the attempt had ended.
            if row.get::<_, i64>(0)? as u64 >= orphan.run.0 {
                continue;
            }
            let cancelling = row.get::<_, i64>(2)? & CANCELLING != 0;
            if let Some(state) = tasks.get_mut(&orphan.job.task()) {
                state.count_running(orphan, cancelling, row.get::<_, u32>(1)?.saturating_add(1));
                state.orphans.push(orphan);
            }
        }
        let mut batch_context = BatchContext::load(db, seq, count)?;
        batch_context.kept_bytes = tasks.values().map(TaskState::kept_bytes).sum();
        batch_context.recordings = recordings::load(db, &mut tasks)?;
        batch_context.running = tasks.values().map(|state| state.orphans.len()).sum();
        let by_key = tasks.values().map(|state| (state.key.clone(), state.task)).collect();
        let removed: i64 = db.query_row("SELECT coalesce(max(task), 0) FROM removed_tasks", [], |row| row.get(0))?;
        let last_task = tasks.keys().map(|task| task.0).max().unwrap_or(0).max(removed);
        Ok(Self {
            db,
            statements: Statements::prepare(db)?,
            tasks,
            by_key,
            batch_context,
            touched: Vec::new(),
            removed: Vec::new(),
            last_task,
            registry,
            books,
            limits,
        })
    }

    /// Loads everything from the file again after a batch was rolled back. The state in memory (running attempts,
    /// claimed callbacks) is retained, except for the claims of the batch itself.
    pub(super) fn reload(&mut self) -> rusqlite::Result<()> {
        let mut fresh = Self::read(self.db, Arc::clone(&self.registry), self.limits, self.batch_context.seq)?;
        for mark in self.batch_context.undone() {
            if let Some(state) = self.tasks.get_mut(&mark.task) {
                state.undo_mark(mark);
            }
        }
        // No task that this process has had may be taken for another one.
        fresh.last_task = self.last_task;
        self.tasks.extend(self.removed.drain(..).map(|state| (state.task, state)));
        for (task, state) in &mut fresh.tasks {
            let Some(before) = self.tasks.get_mut(task) else { continue };
            state.inherit(before, self.batch_context.seq);
            if state.opened_in.is_some() {
                for orphan in std::mem::take(&mut state.orphans) {
                    if let Some(record) = Record::find(self.db, orphan.job)? {
                        let ready_at = before.ready_at(record.id, orphan.run);
                        state.resume(orphan, record, ready_at, fresh.batch_context.seq);
                    }
                }
            }
            state.shared.clear();
            state.publish(self.db, fresh.batch_context.seq)?;
        }
        fresh.books.publish();
        *self = fresh;
        Ok(())
    }

    /// Returns the context of a step on a task; `None` if the task is unknown.
    pub(super) fn tx(&mut self, task: TaskNumber) -> Option<TaskTx<'_>> {
        let state = self.tasks.get_mut(&task)?;
        self.batch_context.keep_bytes = self.registry.kept.most();
        if self.touched.last() != Some(&task) {
            self.touched.push(task);
        }
        let (statements, batch_context) = (&mut self.statements, &mut self.batch_context);
        Some(TaskTx { db: self.db, statements, state, batch_context, limits: &self.limits })
    }

    /// Opens a task, and creates it if it does not exist.
    pub(super) fn open(
        &mut self,
        key: &TaskKey,
        rules: &Arc<Rules>,
        now: Timestamp,
        observer: Arc<dyn Observer>,
    ) -> rusqlite::Result<Arc<Shared>> {
        let task = match self.by_key.get(key) {
            Some(task) => *task,
            None => self.make(key)?,
        };
        let Some(mut tx) = self.tx(task) else { return Err(rusqlite::Error::QueryReturnedNoRows) };
        tx.state.rules = Arc::clone(rules);
        tx.state.shared.set_observer(observer);
        tx.open(rules, now)?;
        Ok(Arc::clone(&tx.state.shared))
    }

    fn make(&mut self, key: &TaskKey) -> rusqlite::Result<TaskNumber> {
        if self.last_task >= MOST_TASKS {
            return Err(rusqlite::Error::IntegralValueOutOfRange(0, MOST_TASKS));
        }
        self.last_task += 1;
        let number = self.last_task;
        let sql = "INSERT INTO tasks (task, tenant, name) VALUES (?1, ?2, ?3)";
        self.db.prepare_cached(sql)?.execute(params![number, &*key.tenant, &*key.task])?;
        let mut statement = self.db.prepare_cached("SELECT * FROM tasks WHERE task = ?1")?;
        let (books, levels) = (&mut self.books, &self.registry.levels);
        let book = |key: &TaskKey| books.of(&key.tenant, levels);
        let mut state = statement.query_row([number], |row| TaskState::load(self.db, row, &self.limits, book))?;
        state.is_entered = false;
        let task = state.task;
        self.tasks.insert(task, state);
        self.by_key.insert(key.clone(), task);
        Ok(task)
    }

    /// Removes some of the components that no job has any more, if they are many.
    pub(super) fn sweep_components(&mut self) -> rusqlite::Result<()> {
        self.batch_context.components.sweep(self.db, &self.limits)
    }

    /// Undoes claims that did not reach their caller.
    pub(super) fn undo(&mut self, undo: &Undo) -> rusqlite::Result<()> {
        if undo.batch.is_undone() {
            return Ok(());
        }
        let Some(mut tx) = self.tx(undo.task) else { return Ok(()) };
        if let Some(rules) = &undo.rules {
            tx.state.rules = Arc::clone(rules);
        }
        for (id, run) in &undo.claims {
            tx.undo_claim(*id, *run, undo.now)?;
        }
        tx.undo_callbacks(&undo.callbacks)
    }

    /// Writes the changes that the steps of the batch have accumulated.
    pub(super) fn flush(&mut self) -> rusqlite::Result<()> {
        self.touched.sort_unstable();
        self.touched.dedup();
        for task in &self.touched {
            if let Some(state) = self.tasks.get_mut(task) {
                state.flush(self.db)?;
            }
        }
        let tasks = &self.tasks;
        self.batch_context
            .flush_claims(self.db, &self.limits, || tasks.values().flat_map(TaskState::all_running).collect())
    }

    /// Publishes the committed batch to other threads.
    pub(super) fn publish(&mut self) -> rusqlite::Result<()> {
        let seq = self.batch_context.seq;
        for task in self.touched.drain(..) {
            let Some(state) = self.tasks.get_mut(&task) else { continue };
            state.publish(self.db, seq)?;
            state.book.publish();
            if !std::mem::replace(&mut state.is_entered, true) {
                self.registry.enter(Arc::clone(&state.shared));
            }
        }
        for state in self.removed.drain(..) {
            self.registry.leave(&state.shared);
            state.publish_removed();
        }
        self.registry.kept.set(self.batch_context.kept_bytes);
        self.batch_context.committed();
        Ok(())
    }
}

/// Claims of a step whose caller was dropped.
#[derive(Debug)]
pub(super) struct Undo {
    pub(super) task: TaskNumber,
    pub(super) claims: Vec<(saggar_job::JobId, saggar_job::Run)>,
    pub(super) callbacks: Vec<CallbackNumber>,
    /// The current rules, if known, for claims of jobs that were cancelled.
    pub(super) rules: Option<Arc<Rules>>,
    pub(super) now: Timestamp,
    /// The batch that made the claims.
    pub(super) batch: Batch,
}

impl TaskState {
    /// Returns the claims of all running attempts.
    fn all_running(&self) -> Vec<Orphan> {
        let running = self.running.values().filter_map(|attempt| {
            let saggar_job::State::Running { run, started_at, .. } = attempt.record.life.state else { return None };
            Some(Orphan { job: attempt.record.job, run, started_at })
        });
        running.chain(self.orphans.iter().copied()).collect()
    }
}
