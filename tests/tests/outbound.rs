//! Requests of guests over HTTP, to real servers on this machine: what a task is granted, what comes back, and what is left of
//! a secret. Beside these, the crate of the client has tests of each rule without guests.

#[allow(dead_code, reason = "the tests of the client use the rest")]
#[path = "../../host/crates/http-client/tests/exchanges/server.rs"]
mod server;

mod outbound {
    mod bounds;
    mod grants;
    mod secrets;
    mod serving;
    mod stage;
}
