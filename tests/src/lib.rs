//! The test harness: guests, crafted components, temporary apps, hosts and the real binary.

#[path = "../guests/src/behaviours.rs"]
mod behaviours;
pub mod crafted;
pub mod guests;

pub mod app;
pub mod client;
pub mod follower;
pub mod histories;
pub mod host;
pub mod linearizability;
pub mod memory;
pub mod mutation;
pub mod program;
pub mod raw;
pub mod routes;
pub mod server;
pub mod shell;
pub mod small_disk;
pub mod timeout;
pub mod tools;
