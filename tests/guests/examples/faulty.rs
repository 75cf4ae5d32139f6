//! Handlers that fail or are slow. The handler's name selects how, for example `plugins.faulty#trap`.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/faulty", generate_all });

use std::cell::Cell;

use exports::saggar::task::{add_handler, error_handler, id_source, progress_handler, success_handler};
use saggar::task::types::Problem;
use saggar::task::{context, log};

struct Handlers;

thread_local! {
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

fn fail() -> Result<(), Problem> {
    let problem = Problem { code: "deaf".into(), message: "nothing was heard".into(), details: None };
    match context::handler().as_deref() {
        Some("problem") => Err(problem),
        Some("problem-once") if CALLS.replace(1) == 0 => Err(problem),
        Some("problem-once") => {
            log::write(log::Level::Info, "heard this time");
            Ok(())
        }
        Some("slow") => {
            std::thread::sleep(std::time::Duration::from_millis(1_500));
            Ok(())
        }
        Some("slow-problem") => {
            std::thread::sleep(std::time::Duration::from_millis(1_500));
            Err(problem)
        }
        Some("trap") => core::arch::wasm32::unreachable(),
        Some("exit") => std::process::exit(1),
        Some("spin") => loop {
            core::hint::spin_loop();
        },
        other => panic!("unknown way to fail: {other:?}"),
    }
}

impl id_source::Guest for Handlers {
    fn next() -> Result<Option<u64>, Problem> {
        fail().map(|()| None)
    }
}

impl add_handler::Guest for Handlers {
    fn on_add(_id: u64) -> Result<(), Problem> {
        fail()
    }
}

impl progress_handler::Guest for Handlers {
    fn on_progress(_id: u64, _current: u64, _total: u64, _message: String) -> Result<(), Problem> {
        fail()
    }
}

impl success_handler::Guest for Handlers {
    fn on_success(_id: u64, _response: String) -> Result<(), Problem> {
        fail()
    }
}

impl error_handler::Guest for Handlers {
    fn on_error(_id: u64, _error: Problem) -> Result<(), Problem> {
        fail()
    }
}

export!(Handlers);
