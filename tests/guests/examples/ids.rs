//! Returns ids. The handler's name selects which, for example `plugins.ids#always-seven`.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/numbering", generate_all });

use std::cell::Cell;

use exports::saggar::task::id_source::Guest;
use saggar::task::context;
use saggar::task::types::Problem;

struct Ids;

thread_local! {
    /// The last id, as in the sample of the original document. A new instance starts with this value again.
    static LAST: Cell<u64> = const { Cell::new(1024) };
}

impl Guest for Ids {
    fn next() -> Result<Option<u64>, Problem> {
        match context::handler().as_deref() {
            None | Some("none") => Ok(None),
            Some("always-seven") => Ok(Some(7)),
            Some("zero") => Ok(Some(0)),
            Some("largest") => Ok(Some(u64::MAX)),
            Some("from-1024") => {
                LAST.set(LAST.get() + 1);
                Ok(Some(LAST.get()))
            }
            Some("three-then-none") => Ok((LAST.replace(0) != 0).then_some(3)),
            Some("largest-then-none") => Ok((LAST.replace(0) != 0).then_some(u64::MAX)),
            Some("problem") => {
                Err(Problem { code: "no-ids".into(), message: "there are no ids left".into(), details: None })
            }
            Some("trap") => core::arch::wasm32::unreachable(),
            Some("spin") => loop {
                core::hint::spin_loop();
            },
            Some(other) => panic!("unknown id source {other}"),
        }
    }
}

export!(Ids);
