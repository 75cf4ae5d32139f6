//! Implements all six roles, and in each of them adds, gets and cancels jobs and reports progress. Adds the results as
//! jobs of the task `journal`. Fails without a retry if the job's first argument is `"fail"`.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/recording", generate_all });

use exports::saggar::task::processor::{self, Failure};
use exports::saggar::task::{add_handler, error_handler, id_source, progress_handler, success_handler};
use saggar::task::types::Problem;
use saggar::task::{context, progress, tasks};

struct Reentrant;

fn use_everything(role: &str) {
    progress::report(1, 1, role);
    let own = match tasks::get(&context::task(), context::id()) {
        Ok(job) => format!("{:?}", job.status),
        Err(problem) => problem.code,
    };
    let parked = tasks::add_later("journal", r#"["parked"]"#, 3_600_000).expect("a job is added for later");
    let cancelled = match tasks::cancel("journal", parked) {
        Ok(()) => "cancelled".into(),
        Err(problem) => problem.code,
    };
    let note = serde_json::json!([format!("{role}: own job {own}, parked job {cancelled}")]);
    tasks::add("journal", &note.to_string()).expect("a job is added");
}

impl processor::Guest for Reentrant {
    fn process(_id: u64, args: String) -> Result<String, Failure> {
        use_everything("process");
        if args.starts_with(r#"["fail""#) {
            let problem = Problem { code: "as-asked".into(), message: "it was asked to fail".into(), details: None };
            return Err(Failure::Reject(problem));
        }
        Ok("null".into())
    }
}

impl id_source::Guest for Reentrant {
    fn next() -> Result<Option<u64>, Problem> {
        if context::handler().as_deref() == Some("adds-to-its-own-task") {
            return tasks::add(&context::task(), "[]").map(|_| None);
        }
        use_everything("next");
        Ok(None)
    }
}

impl add_handler::Guest for Reentrant {
    fn on_add(_id: u64) -> Result<(), Problem> {
        use_everything("add");
        Ok(())
    }
}

impl progress_handler::Guest for Reentrant {
    fn on_progress(_id: u64, _current: u64, _total: u64, _message: String) -> Result<(), Problem> {
        use_everything("progress");
        Ok(())
    }
}

impl success_handler::Guest for Reentrant {
    fn on_success(_id: u64, _response: String) -> Result<(), Problem> {
        use_everything("success");
        Ok(())
    }
}

impl error_handler::Guest for Reentrant {
    fn on_error(_id: u64, _error: Problem) -> Result<(), Problem> {
        use_everything("error");
        Ok(())
    }
}

export!(Reentrant);
