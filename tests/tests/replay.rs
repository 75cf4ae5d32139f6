//! Recorded attempts: which are kept, that they can be made again with the same result, and the commands for them.

#[allow(dead_code, reason = "the tests of the client use the rest")]
#[path = "../../host/crates/http-client/tests/exchanges/server.rs"]
mod server;

mod replay {
    mod capabilities;
    mod commands;
    mod deploying;
    mod divergence;
    mod examples;
    mod keeping;
    mod many;
    mod memory;
    mod rerun;
    mod same;
}
