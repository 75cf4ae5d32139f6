//! Works for a few seconds, reports progress, and ends early if the job is cancelled.

#[saggar_guest::plugin]
mod slow {
    use std::thread::sleep;
    use std::time::Duration;

    use saggar_guest::prelude::*;

    #[processor]
    fn work(job: &Job, seconds: Option<u64>) -> Result<String, Failure> {
        let seconds = seconds.unwrap_or(3);
        let steps = seconds * 10;
        for step in 0..steps {
            // The host stops a cancelled job soon, even while it sleeps. A guest that checks between steps can return
            // before that.
            if job.is_cancelled() {
                return Err(Failure::reject("cancelled", format!("gave up at step {step} of {steps}")));
            }
            job.progress(step, steps, "working");
            sleep(Duration::from_millis(100));
        }
        job.progress(steps, steps, "worked");
        Ok(format!("worked for {seconds} s"))
    }
}

#[cfg(test)]
mod tests {
    use saggar_guest::testing::FakeHost;

    #[test]
    fn a_cancelled_job_ends_early() {
        let host = FakeHost::new().cancelled_after(2);
        let failure = host.process::<crate::slow::Plugin>((1,)).unwrap_err();
        assert_eq!(failure.problem().message(), "gave up at step 2 of 10");
    }
}
