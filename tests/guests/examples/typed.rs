//! A plugin as users write it with the SDK: typed arguments, several named processors, typed events.

#[saggar_guest::plugin]
mod typed {
    use saggar_guest::prelude::*;

    #[processor]
    fn sum(_job: &Job, left: i64, right: i64) -> i64 {
        left + right
    }

    #[processor]
    fn repeat(job: &Job, text: String, times: Option<u32>) -> Result<String, Failure> {
        let times = times.unwrap_or(2);
        if times > 100 {
            return Err(Failure::reject("too-often", format!("{times} times is more than 100")));
        }
        job.progress(1, 1, format!("{times} times"));
        Ok(text.repeat(times as usize))
    }

    /// Fails with `?` on an ordinary error, which means a retry.
    #[processor]
    fn width(job: &Job, text: String) -> Result<u32, Failure> {
        let text = if job.attempt() < 3 { text } else { "640".into() };
        Ok(text.parse::<u32>()?)
    }

    #[on_success]
    fn succeeded(job: &Job, response: Value) {
        log::info!("job {} answered {response}", job.id());
    }
}
