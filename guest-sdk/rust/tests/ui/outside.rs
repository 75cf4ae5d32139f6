//! A mark is only valid in a `#[plugin]` module, and `#[plugin]` only on such a module.

use saggar_guest::prelude::*;

#[processor]
fn send(_job: &Job) -> Result<(), Failure> {
    Ok(())
}

#[saggar_guest::plugin]
fn plugin() {}

#[saggar_guest::plugin]
mod empty {}

fn main() {}
