//! A mark means something in a `#[plugin]` module only, and `#[plugin]` something on such a module only.

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
