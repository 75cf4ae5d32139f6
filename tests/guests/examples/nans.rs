//! Returns the bits of results that are not a number, as the processor of the machine computes them.

use std::hint::black_box;

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use exports::saggar::task::processor::{Failure, Guest};

struct Nans;

impl Guest for Nans {
    fn process(_id: u64, _args: String) -> Result<String, Failure> {
        let (zero, infinity) = (black_box(0.0_f64), black_box(f64::INFINITY));
        let doubles = [zero / zero, infinity - infinity, infinity * zero, black_box(-1.0_f64).sqrt()];
        let single = black_box(0.0_f32) / black_box(0.0_f32);
        let mut bits: Vec<String> = doubles.iter().map(|double| format!("\"{:016x}\"", double.to_bits())).collect();
        bits.push(format!("\"{:08x}\"", single.to_bits()));
        Ok(format!("[{}]", bits.join(",")))
    }
}

export!(Nans);
