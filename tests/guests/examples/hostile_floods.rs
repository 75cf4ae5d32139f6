//! Requests a million of something from the host, in the way that the first argument names.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use std::hint::black_box;
use std::io::Write;
use std::mem::forget;

use exports::saggar::task::processor::{Failure, Guest};
use saggar::task::{log, progress, tasks};
use saggar_test_guests::{act_by_name, first_argument};
use wasip2::cli::stdout::get_stdout;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::random::random::get_random_bytes;

const MILLION: u64 = 1_000_000;
const GIGABYTE: u64 = 1 << 30;
const HOUR_NS: u64 = 3_600_000_000_000;

type Answer = Result<String, Failure>;

saggar_test_guests::foreach_behaviour_of_floods!(act_by_name);

struct Floods;

impl Guest for Floods {
    fn process(_id: u64, args: String) -> Answer {
        act(first_argument(&args), &args)
    }
}

export!(Floods);

fn report_a_million_times() -> Answer {
    let message = "m".repeat(2_000);
    for step in 1..=MILLION {
        progress::report(step, MILLION, &message);
    }
    Ok("null".into())
}

fn log_a_million_lines() -> Answer {
    for line in 0..MILLION {
        log::write(log::Level::Info, &format!("line {line}"));
    }
    Ok("null".into())
}

fn print_a_million_lines() -> Answer {
    for line in 0..MILLION / 2 {
        println!("line {line}");
        eprintln!("line {line}");
    }
    Ok("null".into())
}

fn print_an_endless_line() -> Answer {
    let piece = [b'x'; 4096];
    let mut out = std::io::stdout().lock();
    for _ in 0..GIGABYTE / 16 / 4096 {
        out.write_all(&piece).expect("standard output accepts everything and drops the excess");
    }
    Ok("null".into())
}

fn open_a_million_pollables() -> Answer {
    for _ in 0..MILLION {
        forget(subscribe_duration(HOUR_NS));
    }
    Ok("null".into())
}

fn open_a_million_streams() -> Answer {
    for _ in 0..MILLION {
        forget(get_stdout());
    }
    Ok("null".into())
}

fn draw_a_gigabyte_at_once() -> Answer {
    Ok(get_random_bytes(GIGABYTE).len().to_string())
}

fn draw_a_gigabyte_in_pieces() -> Answer {
    let piece = 64 * 1024;
    for _ in 0..GIGABYTE / piece {
        black_box(get_random_bytes(piece));
    }
    Ok("null".into())
}

/// Adds jobs until the host refuses one; returns their number and the refusal's code.
fn add_jobs_forever() -> Answer {
    for count in 0_u64.. {
        if let Err(problem) = tasks::add("journal", "[]") {
            return Ok(serde_json::json!({ "count": count, "refused": problem.code }).to_string());
        }
    }
    unreachable!("counting to the end of u64 takes too long")
}
