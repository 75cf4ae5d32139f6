//! Sends invalid text, invalid JSON or malicious text, in the way that the first argument names.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use exports::saggar::task::processor::{Failure, Guest};
use saggar::task::types::Problem;
use saggar::task::{log, progress, tasks};
use saggar_test_guests::{act_by_name, first_argument};

type Answer = Result<String, Failure>;

saggar_test_guests::foreach_behaviour_of_words!(act_by_name);

struct Words;

impl Guest for Words {
    fn process(_id: u64, args: String) -> Answer {
        act(first_argument(&args), &args)
    }
}

export!(Words);

const INVALID_UTF8: &[u8] = b"\"\xff\xfe\xc0\x80\"";
const ESCAPES: &str = "\x1b[2J\x1b]0;owned\x07\rall is well\u{8}\u{9b}31m\u{202e}";

/// The raw imports. The bindings only pass valid pointers and valid texts.
mod raw {
    #[link(wasm_import_module = "saggar:task/progress@0.1.0")]
    unsafe extern "C" {
        pub fn report(current: u64, total: u64, message: usize, bytes: usize);
    }

    #[link(wasm_import_module = "saggar:task/log@0.1.0")]
    unsafe extern "C" {
        pub fn write(level: i32, message: usize, bytes: usize);
    }
}

fn problem(code: &str, message: &str, details: Option<&str>) -> Problem {
    Problem { code: code.into(), message: message.into(), details: details.map(Into::into) }
}

fn deep_json() -> String {
    let depth = 100_000;
    "[".repeat(depth) + &"]".repeat(depth)
}

fn answer_invalid_utf8() -> Answer {
    // SAFETY: violated intentionally; this code does not read the text, and the host must validate it.
    Ok(unsafe { String::from_utf8_unchecked(INVALID_UTF8.to_vec()) })
}

fn report_invalid_utf8() -> Answer {
    // SAFETY: the host accepts any two numbers.
    unsafe { raw::report(1, 1, INVALID_UTF8.as_ptr() as usize, INVALID_UTF8.len()) };
    Ok("null".into())
}

fn log_invalid_utf8() -> Answer {
    // SAFETY: the host accepts any two numbers.
    unsafe { raw::write(0, INVALID_UTF8.as_ptr() as usize, INVALID_UTF8.len()) };
    Ok("null".into())
}

fn report_from_beyond_memory() -> Answer {
    // SAFETY: the host accepts any two numbers.
    unsafe { raw::report(1, 1, 0xffff_fff0, 0xff) };
    Ok("null".into())
}

fn answer_deep_json() -> Answer {
    Ok(deep_json())
}

fn add_deep_json() -> Answer {
    match tasks::add("journal", &deep_json()) {
        Ok(id) => Ok(id.to_string()),
        Err(problem) => Err(Failure::Reject(problem)),
    }
}

fn answer_invalid_json() -> Answer {
    Ok("{\"a\": NaN, ".into())
}

fn answer_nothing() -> Answer {
    Ok(String::new())
}

fn fail_with_invalid_json() -> Answer {
    Err(Failure::Reject(problem("odd", "the details are not JSON", Some("{oops"))))
}

fn fail_with_megabytes() -> Answer {
    let details = format!("\"{}\"", "d".repeat(1 << 20));
    Err(Failure::Reject(problem(&"c".repeat(1 << 20), &"m".repeat(1 << 20), Some(&details))))
}

fn fail_with_escapes() -> Answer {
    Err(Failure::Reject(problem(ESCAPES, ESCAPES, None)))
}

fn log_escapes() -> Answer {
    log::write(log::Level::Info, ESCAPES);
    Ok("null".into())
}

fn print_escapes() -> Answer {
    println!("{ESCAPES}");
    eprintln!("{ESCAPES}");
    Ok("null".into())
}

fn report_escapes() -> Answer {
    progress::report(1, 1, ESCAPES);
    Ok("null".into())
}
