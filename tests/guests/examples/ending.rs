//! Ends in the way that its first argument names, mostly at a limit of the host.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use std::hint::black_box;
use std::mem::forget;

use exports::saggar::task::processor::{Failure, Guest};
use saggar::task::log;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::random::random::get_random_bytes;

const MIB: usize = 1 << 20;

struct Ending;

impl Guest for Ending {
    fn process(_id: u64, args: String) -> Result<String, Failure> {
        let (how, number): (String, usize) = serde_json::from_str(&args).expect("arguments: how, and a number");
        Ok(match &*how {
            "answer-levels" => format!("{}{}", "[".repeat(number), "]".repeat(number)),
            "answer-bytes" => format!("\"{}\"", "a".repeat(number - 2)),
            "answer-text" => "no JSON".into(),
            "log-bytes" => {
                log::write(log::Level::Info, &"a".repeat(number));
                "null".into()
            }
            "exit" => std::process::exit(i32::try_from(number).expect("a small number")),
            "panic" => {
                eprintln!("first words");
                panic!("the last words of {number}")
            }
            "recurse" => recurse(0).to_string(),
            "recurse-lightly" => recurse_lightly(number as u64).to_string(),
            "handles" => {
                (0..number).for_each(|_| forget(subscribe_duration(1)));
                "null".into()
            }
            "random" => get_random_bytes(number as u64).len().to_string(),
            "use-up-memory" => black_box(vec![1_u8; number]).len().to_string(),
            "cope-then-panic" => {
                refused(number);
                panic!("a mistake of its own")
            }
            "cope-then-divide" => {
                refused(number);
                divide(number, 0)
            }
            "cope-then-log-then-abort" => {
                refused(number);
                log::write(log::Level::Warn, "goes on without");
                core::arch::wasm32::unreachable()
            }
            "cope-then-print-then-abort" => {
                refused(number);
                println!("goes on without");
                core::arch::wasm32::unreachable()
            }
            "cope-then-read-the-clock-then-abort" => {
                refused(number);
                black_box(std::time::Instant::now());
                core::arch::wasm32::unreachable()
            }
            "cope-then-draw-then-abort" => {
                refused(number);
                black_box(get_random_bytes(8));
                core::arch::wasm32::unreachable()
            }
            "abort-when-refused" => {
                refused(number);
                core::arch::wasm32::unreachable()
            }
            "spin" => loop {
                black_box(number);
            },
            other => panic!("unknown ending {other}"),
        })
    }
}

export!(Ending);

/// Requests this many MiB; asserts that the host refuses them.
fn refused(mib: usize) {
    assert_eq!(core::arch::wasm32::memory_grow::<0>(mib * MIB / 65_536), usize::MAX, "the host granted the memory");
}

/// Converts infinity to an integer, which traps without aborting.
fn divide(left: usize, right: usize) -> String {
    let (left, right) = (black_box(left as f64), black_box(right as f64));
    // SAFETY: violated intentionally: infinity is not an integer, and the test needs the machine's trap.
    unsafe { (left / right).to_int_unchecked::<u32>() }.to_string()
}

/// Recurses with the stack of the machine only, without memory of the guest.
#[inline(never)]
fn recurse_lightly(depth: u64) -> u64 {
    if depth == u64::MAX { 0 } else { recurse_lightly(depth + 1).rotate_left(1) ^ depth }
}

#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { recurse(depth + 1) + frame[1] }
}
