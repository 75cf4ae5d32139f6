//! Chores of the repository, for its own tests and build scripts and for the commands in `main.rs`.
//!
//! `guests` builds components, and `languages` those that are not in Rust; `cargo` starts a cargo that the running one does not
//! disturb; `examples` installs the examples' components into the apps; `demo` shows them at work; `script_runner` rebuilds and
//! checks the component that runs scripts, on which it runs the tests that `test262` fetches; `suite` runs all tests, after `tools`
//! has installed what they run; `dependencies` checks what the repository is built from; `sources` reads it, and `structure` says
//! in figures how it hangs together.

#![expect(clippy::print_stderr, reason = "the user of a command line tool reads it")]

pub mod demo;
pub mod dependencies;
pub mod examples;
pub mod guests;
pub mod languages;
pub mod script_runner;
pub mod sources;
pub mod structure;
pub mod suite;

mod cargo;
mod test262;
mod tools;
