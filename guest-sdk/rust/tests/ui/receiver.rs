//! A function must not have a receiver.

#[saggar_guest::plugin]
mod plugin {
    use saggar_guest::prelude::*;

    #[processor]
    fn send(&self, job: &Job) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
