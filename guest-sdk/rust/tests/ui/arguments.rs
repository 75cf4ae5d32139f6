//! Arguments are owned values with plain names. All errors are shown at once.

#[saggar_guest::plugin]
mod plugin {
    use saggar_guest::prelude::*;

    #[processor]
    fn many(job: &Job, to: &str, all: &[u32], (x, y): (u32, u32), _: bool, any: impl Fn()) -> Result<(), Failure> {
        Ok(())
    }

    #[on_progress]
    fn moved(job: &Job, current: u64, total: u64) {}

    #[on_success]
    fn done(job: &Job) {}
}

fn main() {}
