//! Adds jobs with the SDK, and fails or is repeated, depending on its argument: each child must be added only once.

#[saggar_guest::plugin]
mod children {
    use saggar_guest::prelude::*;
    use saggar_guest::tasks::Options;

    /// Adds two jobs to `journal` in each attempt and fails in the first one; returns their ids.
    #[processor]
    fn family(job: &Job, how: String) -> Result<Vec<u64>, Failure> {
        let attempt = job.attempt();
        let add = |note: String| match &*how {
            "without" => tasks::add_with("journal", (note,), Options::new().without_key()),
            "own" => tasks::add_with("journal", (note,), Options::new().key("the only one")),
            "changed" => tasks::add("journal", (format!("{note} in attempt {attempt}"),)),
            _ => tasks::add("journal", (note,)),
        };
        let ids =
            if how == "own" { vec![add("once".into())?; 2] } else { vec![add("first".into())?, add("second".into())?] };
        if attempt == 1 && how != "at-once" {
            return Err(Failure::retry("as-asked", "the first attempt fails after it has added its jobs"));
        }
        Ok(ids)
    }

    /// Adds a job and then fails, so that it is called again.
    #[on_success]
    fn succeeded(job: &Job, _ids: Value) -> Result<(), Problem> {
        tasks::add("journal", (format!("{} succeeded", job.id()),))?;
        Err(Problem::new("as-asked", "the handler fails after it has added its job"))
    }

    #[on_add]
    fn added(job: &Job) -> Result<(), Problem> {
        tasks::add("journal", (format!("{} added", job.id()),)).map(drop)
    }
}
