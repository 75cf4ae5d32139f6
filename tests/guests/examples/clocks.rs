//! Reads both clocks a thousand times. Returns the most nanoseconds beyond a whole millisecond that each has shown: the
//! monotonic clock, and the wall clock.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use exports::saggar::task::processor::{Failure, Guest};
use wasip2::clocks::{monotonic_clock, wall_clock};

const MILLISECOND_NS: u64 = 1_000_000;

struct Clocks;

impl Guest for Clocks {
    fn process(_id: u64, _args: String) -> Result<String, Failure> {
        let (mut monotonic, mut wall) = (0, 0);
        for _ in 0..1_000 {
            monotonic = monotonic.max(monotonic_clock::now() % MILLISECOND_NS);
            wall = wall.max(u64::from(wall_clock::now().nanoseconds) % MILLISECOND_NS);
        }
        Ok(format!("[{monotonic},{wall}]"))
    }
}

export!(Clocks);
