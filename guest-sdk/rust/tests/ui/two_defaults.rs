//! A role has at most one default function.

#[saggar_guest::plugin]
mod plugin {
    use saggar_guest::prelude::*;

    #[processor(default)]
    fn small(job: &Job) -> Result<(), Failure> {
        Ok(())
    }

    #[processor(default)]
    fn large(job: &Job) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
