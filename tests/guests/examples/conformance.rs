//! The conformance guest in Rust. `conformance/README.md` says what each function does, in every language.

#[saggar_guest::plugin]
mod conformance {
    use std::hash::{BuildHasher, RandomState};
    use std::time::Duration;

    use saggar_guest::RawValue;
    use saggar_guest::http;
    use saggar_guest::prelude::*;
    use saggar_guest::tasks::{Options, Status};

    #[processor(default)]
    fn echo(_job: &Job, value: Box<RawValue>) -> Box<RawValue> {
        value
    }

    #[processor]
    fn nothing(_job: &Job) -> Result<(), Failure> {
        Ok(())
    }

    #[processor]
    fn unicode(_job: &Job) -> &'static str {
        "ünï 日本語 👩‍🚀 \" \\ \0 end"
    }

    #[processor]
    fn progress(job: &Job) -> &'static str {
        job.progress(1, 2, "half");
        job.progress(2, 2, "done ✓");
        "reported"
    }

    #[processor]
    fn context(job: &Job) -> Value {
        json!({
            "id": job.id().to_string(),
            "task": job.task(),
            "attempt": job.attempt(),
            "max_attempts": job.max_attempts(),
            "has_deadline": job.remaining().is_some(),
            "is_cancelled": job.is_cancelled(),
            "trace_parent": job.trace_parent(),
        })
    }

    #[processor]
    fn levels(_job: &Job) -> Result<(), Failure> {
        log::debug!("at debug");
        log::info!("at info");
        log::warn!("at warn");
        log::error!("at error");
        Ok(())
    }

    #[processor]
    fn print(_job: &Job, word: String) -> Result<(), Failure> {
        print!("{word}");
        Ok(())
    }

    #[processor]
    fn reject(_job: &Job) -> Result<(), Failure> {
        let problem = Problem::new("no-page", "page 7 does not exist").with_details(json!({ "page": 7 }));
        Err(Failure::Reject(problem))
    }

    #[processor]
    fn retry(job: &Job) -> Result<u32, Failure> {
        if job.attempt() > 1 {
            return Ok(job.attempt());
        }
        let problem = Problem::new("busy", "attempt 1 is busy").with_details(json!({ "attempt": 1 }));
        Err(Failure::Retry(problem))
    }

    #[processor]
    fn later(job: &Job) -> Result<u32, Failure> {
        if job.attempt() > 1 {
            return Ok(job.attempt());
        }
        Err(Failure::retry_after(Duration::from_millis(1), "not-yet", "a moment"))
    }

    #[processor]
    fn broken(_job: &Job) -> Result<(), Failure> {
        Err(Failure::from(std::io::Error::other("it is broken")))
    }

    #[processor]
    fn children(job: &Job) -> Result<Vec<u64>, Failure> {
        let ids = vec![tasks::add("journal", ("first",))?, tasks::add("journal", ("second",))?];
        if job.attempt() == 1 {
            return Err(Failure::retry("busy", "attempt 1 fails after it has added its jobs"));
        }
        Ok(ids)
    }

    #[processor]
    fn options(_job: &Job) -> Result<Vec<u64>, Failure> {
        let keyed = Options::new().key("the only one");
        let free = Options::new().without_key();
        let late = Options::new().delay(Duration::from_secs(3600)).priority(7);
        Ok(vec![
            tasks::add_with("journal", ("keyed",), keyed.clone())?,
            tasks::add_with("journal", ("keyed",), keyed)?,
            tasks::add_with("journal", ("free",), free.clone())?,
            tasks::add_with("journal", ("free",), free)?,
            tasks::add_with("journal", ("late",), late)?,
        ])
    }

    #[processor]
    fn exchange(_job: &Job, url: String) -> Result<Value, Failure> {
        let request = http::post(url).header("authorization", "Bearer $SECRET.it").json(&json!({ "a": "ü" }));
        match request.send() {
            Ok(response) => Ok(json!([response.status(), response.header("X-Echo"), response.json::<Value>()?])),
            Err(problem) => Ok(json!(problem.code())),
        }
    }

    #[processor]
    fn lookup(_job: &Job, task: String, id: u64) -> Result<Value, Failure> {
        let job = tasks::get::<Value>(&task, id)?;
        let status = match job.status {
            Status::Waiting => "waiting",
            Status::Running => "running",
            Status::Success => "success",
            Status::Failure => "failure",
        };
        Ok(json!({
            "id": job.id, "status": status, "current": job.current, "total": job.total,
            "message": job.message, "response": job.response,
        }))
    }

    #[processor]
    fn cancel(_job: &Job, task: String, id: u64) -> String {
        tasks::cancel(&task, id).map_or_else(|problem| problem.code().to_owned(), |()| "cancelled".into())
    }

    #[processor]
    fn unknown(_job: &Job) -> String {
        tasks::add("nowhere", ()).map_or_else(|problem| problem.code().to_owned(), |id| id.to_string())
    }

    #[processor]
    fn passed(_job: &Job) -> Result<u64, Failure> {
        Ok(tasks::add("nowhere", ())?)
    }

    #[processor]
    fn ident(job: &Job) -> String {
        job.id().to_string()
    }

    /// The keys of a hash map are the only random numbers of the standard library.
    #[processor]
    fn random(_job: &Job) -> u32 {
        RandomState::new().hash_one(0) as u32
    }

    #[processor]
    fn ledger(_job: &Job) -> Result<Value, Failure> {
        let none = kv::get::<Value>("ledger/none")?;
        let first = kv::swap("ledger/a", None, "one")?;
        let second = kv::swap("ledger/a", None, "two")?;
        let third = kv::swap("ledger/a", first, "two")?;
        let value = kv::get::<String>("ledger/a")?;
        let sums = (kv::increment("ledger/n", 5)?, kv::increment("ledger/n", -7)?);
        kv::set_for("ledger/text", "x", Duration::from_secs(3600))?;
        let refused =
            kv::increment("ledger/text", 1).map_or_else(|problem| problem.code().to_owned(), |_| "none".into());
        let keys = kv::keys("ledger/")?;
        let removed = (kv::remove("ledger/a")?, kv::remove("ledger/a")?);
        Ok(json!([
            none,
            first.is_some(),
            second.is_some(),
            third.is_some(),
            value,
            sums.0,
            sums.1,
            refused,
            keys,
            removed.0,
            removed.1,
        ]))
    }

    #[processor]
    fn stored(_job: &Job, key: String, value: Box<RawValue>) -> Result<Value, Failure> {
        let stored = kv::set(&key, &value).and_then(|_| kv::get::<Value>(&key));
        Ok(stored.map_or_else(|problem| json!(problem.code()), |value| json!(value)))
    }

    #[processor]
    fn kept(_job: &Job, key: String) -> Value {
        kv::get::<Value>(&key).map_or_else(|problem| json!(problem.code()), |value| json!(value))
    }

    #[processor]
    fn files(_job: &Job) -> Result<String, Failure> {
        let failed = |error: std::io::Error| Failure::reject("no-file", error.to_string());
        std::fs::write("/scratch/word", std::env::var("WORD").unwrap_or_default()).map_err(failed)?;
        std::fs::read_to_string("/scratch/word").map_err(failed)
    }

    #[processor]
    fn variable(_job: &Job, name: String) -> Option<String> {
        std::env::var(name).ok()
    }

    #[processor]
    fn written(_job: &Job, path: String, content: String) -> String {
        let written = std::fs::write(&path, content).and_then(|()| std::fs::read_to_string(&path));
        written.unwrap_or_else(|_| "refused".to_owned())
    }

    #[processor]
    fn contents(_job: &Job, path: String) -> String {
        std::fs::read_to_string(path).unwrap_or_else(|_| "refused".to_owned())
    }

    #[next]
    fn counter() -> Option<u64> {
        None
    }

    #[next]
    fn fixed() -> u64 {
        4711
    }

    #[next]
    fn large() -> u64 {
        (1 << 53) + 1
    }

    #[next]
    fn exhausted() -> Result<u64, Problem> {
        Err(Problem::new("no-ids", "no ids are left"))
    }

    #[on_add]
    fn added(job: &Job) {
        log::info!("added {}", job.id());
    }

    #[on_progress]
    fn progressed(job: &Job, progress: Progress) {
        log::info!("progressed {} {}/{} {}", job.id(), progress.current, progress.total, progress.message);
    }

    #[on_success]
    fn succeeded(job: &Job, response: Value) {
        log::info!("succeeded {} {response}", job.id());
    }

    #[on_success]
    fn repeated(_job: &Job, _response: Value) -> Result<(), Problem> {
        tasks::add("journal", ("succeeded",))?;
        Err(Problem::new("as-asked", "the handler fails"))
    }

    #[on_error]
    fn failed(job: &Job, problem: Problem) {
        log::info!("failed {} {problem}", job.id());
    }
}
