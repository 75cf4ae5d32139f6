//! The first parameter is the job, in every role with a job.

#[saggar_guest::plugin]
mod plugin {
    use saggar_guest::prelude::*;

    #[processor]
    fn no_job(to: String) -> Result<(), Failure> {
        Ok(())
    }

    #[processor(default)]
    fn nothing() -> Result<(), Failure> {
        Ok(())
    }

    #[on_add]
    fn owned(job: Job) {}

    #[on_error]
    fn swapped(problem: Problem, job: &Job) {}
}

fn main() {}
