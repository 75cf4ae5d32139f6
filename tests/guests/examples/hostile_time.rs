//! Does not return, in the way that the first argument names.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use std::hint::{black_box, spin_loop};
use std::time::Duration;

use exports::saggar::task::processor::{Failure, Guest};
use saggar::task::{context, progress, tasks};
use saggar_test_guests::{act_by_name, first_argument};
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::io::poll::poll;

type Answer = Result<String, Failure>;

saggar_test_guests::foreach_behaviour_of_time!(act_by_name);

struct Time;

impl Guest for Time {
    fn process(_id: u64, args: String) -> Answer {
        act(first_argument(&args), &args)
    }
}

export!(Time);

fn spin() -> Answer {
    loop {
        spin_loop();
    }
}

/// Copies memory. Bulk memory instructions check the epoch once, however much they copy.
fn copy_memory_forever() -> Answer {
    let mut bytes = vec![1_u8; 32 << 20];
    let half = bytes.len() / 2;
    loop {
        black_box(&mut bytes).copy_within(..half, half);
    }
}

/// Calls a function of the host in a loop.
fn report_forever() -> Answer {
    for step in 0.. {
        progress::report(step, u64::MAX, "for ever");
    }
    unreachable!("counting to the end of u64 takes too long")
}

fn sleep_an_hour() -> Answer {
    std::thread::sleep(Duration::from_secs(3600));
    Ok("null".into())
}

/// Polls in a loop. Every poll is ready at once, so that the host never waits.
fn poll_without_waiting() -> Answer {
    loop {
        let now = subscribe_duration(0);
        black_box(poll(&[&now]));
    }
}

fn recurse_forever() -> Answer {
    #[expect(unconditional_recursion, reason = "that is the attack")]
    #[inline(never)]
    fn dive(depth: u64) -> u64 {
        let here = black_box(depth);
        dive(here + 1) ^ here
    }
    Ok(dive(0).to_string())
}

/// Calls the host from an ever deeper stack, so that the host itself runs out of stack.
fn recurse_through_the_host() -> Answer {
    #[expect(unconditional_recursion, reason = "that is the attack")]
    #[inline(never)]
    fn dive(depth: u64) -> u64 {
        let here = black_box(depth);
        println!("{here}");
        let found = tasks::get(&context::task(), here).is_ok();
        dive(here + 1) ^ u64::from(found)
    }
    Ok(dive(0).to_string())
}
