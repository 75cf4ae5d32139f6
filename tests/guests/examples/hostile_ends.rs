//! Ends incorrectly, in the way that the first argument names, or reports whether its instance is new.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use std::cell::Cell;

use exports::saggar::task::processor::{Failure, Guest};
use saggar_test_guests::{act_by_name, first_argument};

type Answer = Result<String, Failure>;

saggar_test_guests::foreach_behaviour_of_ends!(act_by_name);

struct Ends;

impl Guest for Ends {
    fn process(_id: u64, args: String) -> Answer {
        act(first_argument(&args), &args)
    }
}

export!(Ends);

thread_local! {
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

fn trap() -> Answer {
    core::arch::wasm32::unreachable()
}

fn panic_with_a_message() -> Answer {
    panic!("this guest panics")
}

fn exit_zero() -> Answer {
    std::process::exit(0)
}

fn exit_one() -> Answer {
    std::process::exit(1)
}

/// Returns how often this instance was called.
fn count_my_calls() -> Answer {
    CALLS.set(CALLS.get() + 1);
    Ok(CALLS.get().to_string())
}
