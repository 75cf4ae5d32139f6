//! Computes: draws numbers from a generator (xorshift), each from the one before. Argument: how many. Returns the last one.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use exports::saggar::task::processor::{Failure, Guest};

struct Computing;

impl Guest for Computing {
    fn process(_id: u64, args: String) -> Result<String, Failure> {
        let (rounds,): (u64,) = serde_json::from_str(&args).expect("arguments: how many numbers");
        let mut number = 1_u64;
        for _ in 0..rounds {
            number ^= number << 13;
            number ^= number >> 7;
            number ^= number << 17;
        }
        Ok(number.to_string())
    }
}

export!(Computing);
