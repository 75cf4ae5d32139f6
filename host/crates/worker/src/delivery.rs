//! Calls a handler about a job, and stores its log lines and its failure in the job's log.

use std::sync::Arc;

use saggar_job::{JobKey, LogSource, Problem};
use saggar_sandbox::Input;

use crate::handler_sandboxes::HandlerSandboxes;
use crate::runtime::Runtime;
use crate::services::CallServices;
use crate::setup::About;
use crate::source_line::source_line;
use crate::task_runner::TaskRunner;

/// Calls the handler for `input` about the job `key`. Appends what it logged, and its failure, to the job's log.
/// Returns why it failed; `None` if it succeeded or the task has no such handler.
pub(crate) async fn deliver(
    runtime: &Arc<Runtime>,
    runner: &TaskRunner,
    handlers: &mut HandlerSandboxes,
    key: JobKey,
    about: About<'_>,
    input: Input,
) -> Option<Problem> {
    let (role, id) = (input.role(), key.id);
    let granted = handlers.setup().granted.clone();
    let services = Arc::new(CallServices::of_handler(runtime.clone(), key, granted, about.trace_parent.cloned()));
    let result = handlers.call(&runner.meters, about, input, services.clone()).await;
    services.files.end().await;
    let mut lines = services.log.finish(&*runtime.clock);
    let problem = match result {
        Some(Err(error)) => Some(error.problem().clone()),
        Some(Ok(_)) | None => None,
    };
    if let Some(problem) = &problem {
        runner.meters.handler_failed(role);
        let text = format!("the {} handler failed: {}: {}", role.key(), problem.code, problem.message);
        lines.push(runtime.line(LogSource::Host, text));
        lines.extend(source_line(problem).map(|text| runtime.line(LogSource::Host, text)));
    }
    runtime.append_log(runner, id, lines).await;
    problem
}
