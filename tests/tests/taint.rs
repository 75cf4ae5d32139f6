//! Tenants are apart: each has a word of its own in everything that it has (names of tasks, plugins, scripts, files and tokens,
//! arguments, logs, errors). Random requests with every token, over all routes, get no answer with the word of another
//! tenant; nor has any event, line of the log, metric or span the words of two. Whatever names something of another tenant is
//! answered like what names something that nobody has.
//!
//! `SAGGAR_TAINT_REQUESTS=100000 cargo test --workspace --test taint` sends more requests.

#[path = "observe/receiver.rs"]
#[expect(dead_code, reason = "the tests of traces look more closely at spans")]
mod receiver;

mod taint {
    mod answers;
    mod requests;
    mod stage;
    mod watching;

    mod apart;
}
