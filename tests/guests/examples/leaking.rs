//! Leaks something in each call. Arguments: what to leak (`memory`, `handle`, `fields` or `nothing`), and the number of
//! bytes for `memory`. Returns how many calls this instance has served.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use std::cell::Cell;
use std::hint::black_box;
use std::mem::forget;

use exports::saggar::task::processor::{Failure, Guest};
use wasip2::cli::stdout::get_stdout;
use wasip2::http::types::Fields;

struct Leaking;

thread_local! {
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

impl Guest for Leaking {
    fn process(_id: u64, args: String) -> Result<String, Failure> {
        let (what, bytes): (String, usize) = serde_json::from_str(&args).expect("arguments: what, how many bytes");
        match &*what {
            "memory" => drop(black_box(vec![1_u8; bytes].leak())),
            "handle" => forget(get_stdout()),
            "fields" => forget(Fields::new()),
            _ => println!("nothing is leaked"),
        }
        CALLS.set(CALLS.get() + 1);
        Ok(CALLS.get().to_string())
    }
}

export!(Leaking);
