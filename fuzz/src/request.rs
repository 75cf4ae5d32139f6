//! Bodies of requests.

use saggar_json::{canonical, check, is_same};
use saggar_wire::{AddBatch, AddJob, ListQuery, Object};
use serde_json::{from_str, to_string};

/// Reads a text as a body of this type. What can be read is written and read again, which must change nothing.
macro_rules! read_twice {
    ($body:ty, $text:expr) => {
        if let Ok(Object(body)) = from_str::<Object<$body>>($text) {
            let written = to_string(&body).expect("a body that was read can be written");
            let Object(again) = from_str::<Object<$body>>(&written).expect("what was written can be read");
            assert_eq!(to_string(&again).expect("a body that was read can be written"), written);
        }
    };
}

/// Reads the bytes as each kind of body, and as the JSON of arguments.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    read_twice!(AddJob, text);
    read_twice!(AddBatch, text);
    let _ = from_str::<ListQuery>(text);
    if check(text).is_ok() {
        let once = canonical(text).expect("valid JSON has a canonical form");
        assert_eq!(canonical(&once).expect("canonical JSON is valid"), once);
        assert!(is_same(text, &once), "{text} differs from its canonical form {once}");
    }
}
