//! The plugin `{{name}}`.

#[saggar_guest::plugin]
mod plugin {
    use saggar_guest::prelude::*;

    /// Runs one job. The parameters after `job` are the job's arguments; what the function returns is its response.
    #[processor]
    fn run(job: &Job, name: String) -> Result<String, Failure> {
        if name.is_empty() {
            // Ends the job as FAILURE; any other error is tried again.
            return Err(Failure::reject("no-name", "the name is empty"));
        }
        log::info!("greeting {name}");
        job.progress(1, 1, "greeted");
        Ok(format!("Hello, {name}!"))
    }
}

#[cfg(test)]
mod tests {
    use saggar_guest::{json, testing::FakeHost};

    use super::plugin::Plugin;

    #[test]
    fn it_greets() {
        let host = FakeHost::new();
        assert_eq!(host.process::<Plugin>(("Ada",)).unwrap(), json!("Hello, Ada!"));
        assert_eq!(host.progress()[0].message, "greeted");
    }

    #[test]
    fn an_empty_name_is_rejected() {
        let failure = FakeHost::new().process::<Plugin>(("",)).unwrap_err();
        assert_eq!(failure.problem().code(), "no-name");
    }
}
