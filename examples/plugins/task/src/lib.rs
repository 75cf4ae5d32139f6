//! The sample of Yao's document on async tasks: a processor with its five handlers, and the loop that adds jobs.

#[saggar_guest::plugin]
mod task {
    use saggar_guest::prelude::*;

    /// Uses the task's own counter. The original counts in a variable, which can return an id twice.
    #[next(name = "NextID")]
    fn next_id() -> Option<u64> {
        log::info!("NextID: the task's own counter");
        None
    }

    #[processor(name = "Send")]
    fn send(job: &Job, what: Value) -> Value {
        log::info!("{what}");
        job.progress(1, 100, "Progress 1/100");
        json!({ "message": "ok" })
    }

    #[on_add(name = "OnAdd")]
    fn on_add(job: &Job) {
        log::error!("entered add");
        log::info!("OnAdd: #{}", job.id());
    }

    #[on_progress(name = "OnProgress")]
    fn on_progress(job: &Job, progress: Progress) {
        let Progress { current, total, message } = progress;
        log::info!("OnProgress: #{} {message} {current}/{total}", job.id());
    }

    #[on_success(name = "OnSuccess")]
    fn on_success(job: &Job, response: Value) {
        log::info!("OnSuccess: #{} {response}", job.id());
    }

    #[on_error(name = "OnError")]
    fn on_error(job: &Job, problem: Problem) {
        log::info!("OnError: #{} {problem}", job.id());
    }

    /// Adds 99 jobs and counts the refused ones, like the document's last sample.
    #[processor(name = "Loop")]
    fn add_many(job: &Job) -> Value {
        let mut refused = 0;
        for i in 1..100 {
            if let Err(problem) = tasks::add("test", (format!("entering task {i}"),)) {
                log::warn!("add task failed: {problem}");
                refused += 1;
            }
            job.progress(i, 99, "adding");
        }
        json!({ "added": 99 - refused, "refused": refused })
    }
}

#[cfg(test)]
mod tests;
