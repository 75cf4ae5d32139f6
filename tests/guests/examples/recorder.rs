//! Implements all six roles and records every call with its arguments, in the job's log and as a job of the task
//! `journal`, whose ids give the order of all calls. Fails in every attempt if the job's first argument is `"fail"`.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/recording", generate_all });

use exports::saggar::task::processor::{self, Failure};
use exports::saggar::task::{add_handler, error_handler, id_source, progress_handler, success_handler};
use saggar::task::types::Problem;
use saggar::task::{context, log, progress, tasks};

struct Recorder;

fn note(call: &str) {
    log::write(log::Level::Info, call);
    // Without the task `journal`, the job's log is the only record.
    let _ = tasks::add("journal", &serde_json::json!([call]).to_string());
}

impl processor::Guest for Recorder {
    fn process(id: u64, args: String) -> Result<String, Failure> {
        note(&format!("process {id} {args} attempt {}", context::attempt()));
        progress::report(1, 2, "half");
        progress::report(2, 2, "done");
        if args.starts_with(r#"["fail""#) {
            let problem = Problem { code: "as-asked".into(), message: "it was asked to fail".into(), details: None };
            return Err(Failure::Retry(problem));
        }
        Ok(r#"{"message":"ok"}"#.into())
    }
}

impl id_source::Guest for Recorder {
    fn next() -> Result<Option<u64>, Problem> {
        note("next");
        Ok(None)
    }
}

impl add_handler::Guest for Recorder {
    fn on_add(id: u64) -> Result<(), Problem> {
        note(&format!("add {id}"));
        Ok(())
    }
}

impl progress_handler::Guest for Recorder {
    fn on_progress(id: u64, current: u64, total: u64, message: String) -> Result<(), Problem> {
        note(&format!("progress {id} {current}/{total} {message}"));
        Ok(())
    }
}

impl success_handler::Guest for Recorder {
    fn on_success(id: u64, response: String) -> Result<(), Problem> {
        note(&format!("success {id} {response}"));
        Ok(())
    }
}

impl error_handler::Guest for Recorder {
    fn on_error(id: u64, error: Problem) -> Result<(), Problem> {
        note(&format!("error {id} {}: {}", error.code, error.message));
        Ok(())
    }
}

export!(Recorder);
