//! Fails the first attempts, like a service that is starting, and succeeds later.

#[saggar_guest::plugin]
mod flaky {
    use saggar_guest::prelude::*;

    #[processor]
    fn call(job: &Job, failures: Option<u32>) -> Result<String, Failure> {
        let (attempt, of) = (job.attempt(), job.max_attempts());
        if attempt <= failures.unwrap_or(2) {
            log::warn!("attempt {attempt} of {of} fails");
            return Err(Failure::retry("not-ready", format!("the service does not answer on attempt {attempt}")));
        }
        Ok(format!("answered on attempt {attempt} of {of}"))
    }
}

#[cfg(test)]
mod tests {
    use saggar_guest::json;
    use saggar_guest::testing::FakeHost;

    use crate::flaky::Plugin;

    #[test]
    fn only_the_first_attempts_fail() {
        let host = |attempt| FakeHost::new().attempt(attempt).max_attempts(4);
        assert_eq!(host(2).process::<Plugin>(()).unwrap_err().problem().code(), "not-ready");
        assert_eq!(host(3).process::<Plugin>(()).unwrap(), json!("answered on attempt 3 of 4"));
    }
}
