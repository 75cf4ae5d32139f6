//! The examples that use capabilities, with the grants that are beside them, the real binary and real servers on this machine: as
//! a plugin and as a script, they do the same.

#[allow(dead_code, reason = "the tests of the client use the rest")]
#[path = "../../host/crates/http-client/tests/exchanges/server.rs"]
mod server;

mod examples {
    mod pages;
    mod stage;
    mod webhook;
}
