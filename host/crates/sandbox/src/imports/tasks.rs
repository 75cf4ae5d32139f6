//! `saggar:task/tasks`: the tenant's own tasks.

use std::sync::Arc;

use saggar_job::{JobId, Problem, Status};

use crate::bindings::tasks::{self, Host};
use crate::bindings::types;
use crate::guest::Guest;
use crate::used_imports::Import;
use crate::{Services, TaskJob};

/// Maximum delay: one year in milliseconds.
const MAX_DELAY_MS: u64 = 365 * 24 * 60 * 60 * 1000;

/// Maximum calls of this interface during one call of a guest. A guest with a larger fan-out should add jobs that add
/// jobs.
const MAX_CALLS: u32 = 100_000;

impl Guest {
    fn task_services(&mut self) -> wasmtime::Result<Result<Arc<dyn Services>, types::Problem>> {
        let current = self.current(Import::Tasks)?;
        if current.task_calls >= MAX_CALLS {
            let message =
                format!("one call may use `tasks` at most {MAX_CALLS} times; add a job that continues instead");
            return Ok(Err(types::Problem { code: "budget-spent".into(), message, details: None }));
        }
        current.task_calls += 1;
        Ok(Ok(current.services.clone()))
    }

    async fn add_job(
        &mut self,
        task: String,
        args: String,
        delay_ms: u64,
    ) -> wasmtime::Result<Result<u64, types::Problem>> {
        match self.task_services()? {
            Err(problem) => Ok(Err(problem)),
            Ok(services) => {
                let added = services.add(&task, args, delay_ms.min(MAX_DELAY_MS));
                let added = self.slices.clone().in_host(added).await;
                Ok(added.map(|id| id.0).map_err(problem))
            }
        }
    }
}

impl Host for Guest {
    async fn add(&mut self, task: String, args: String) -> wasmtime::Result<Result<u64, types::Problem>> {
        self.add_job(task, args, 0).await
    }

    async fn add_later(
        &mut self,
        task: String,
        args: String,
        delay_ms: u64,
    ) -> wasmtime::Result<Result<u64, types::Problem>> {
        self.add_job(task, args, delay_ms).await
    }

    async fn add_with(
        &mut self,
        task: String,
        args: String,
        options: String,
    ) -> wasmtime::Result<Result<u64, types::Problem>> {
        match self.task_services()? {
            Err(problem) => Ok(Err(problem)),
            Ok(services) => {
                let added = self.slices.clone().in_host(services.add_with(&task, args, &options)).await;
                Ok(added.map(|id| id.0).map_err(problem))
            }
        }
    }

    async fn get(&mut self, task: String, id: u64) -> wasmtime::Result<Result<tasks::Job, types::Problem>> {
        match self.task_services()? {
            Err(problem) => Ok(Err(problem)),
            Ok(services) => {
                let found = self.slices.clone().in_host(services.get(&task, JobId(id))).await;
                Ok(found.map(job).map_err(problem))
            }
        }
    }

    async fn cancel(&mut self, task: String, id: u64) -> wasmtime::Result<Result<(), types::Problem>> {
        match self.task_services()? {
            Err(problem) => Ok(Err(problem)),
            Ok(services) => Ok(self.slices.clone().in_host(services.cancel(&task, JobId(id))).await.map_err(problem)),
        }
    }
}

fn problem(problem: Problem) -> types::Problem {
    types::Problem { code: problem.code, message: problem.message, details: problem.details }
}

fn job(job: TaskJob) -> tasks::Job {
    let status = match job.status {
        Status::Waiting => tasks::Status::Waiting,
        Status::Running => tasks::Status::Running,
        Status::Success => tasks::Status::Success,
        Status::Failure => tasks::Status::Failure,
    };
    let TaskJob { id, current, total, message, response, .. } = job;
    tasks::Job { id: id.0, status, current, total, message, response }
}
