//! The repository's tasks, for its tests and build scripts and for the commands in `main.rs`.
//!
//! `guests` builds components, and `languages` those that are not in Rust; `cargo` starts an inner cargo without the environment
//! of the outer one; `examples` installs the examples' components into the apps; `demo` runs them; `script_runner` rebuilds and
//! checks the component that runs scripts, also with the tests that `test262` fetches; `suite` runs all tests after `tools` has
//! installed the programs that they need; `dependencies` checks licences and versions; `sources` parses the workspace,
//! `structure` counts its parts and finds import cycles, `renames` reads the former names in the changelog, and
//! `vendor` takes the dashboard's libraries from npm.

#![expect(clippy::print_stderr, reason = "the user of a command line tool reads it")]

pub mod demo;
pub mod dependencies;
pub mod examples;
pub mod guests;
pub mod languages;
pub mod renames;
pub mod script_runner;
pub mod sources;
pub mod structure;
pub mod suite;
pub mod vendor;

mod cargo;
mod test262;
mod tools;
