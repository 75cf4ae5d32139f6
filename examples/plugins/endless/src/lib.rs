//! Never returns: the task's timeout stops it.

#[saggar_guest::plugin]
mod endless {
    use saggar_guest::prelude::*;

    #[processor]
    fn spin(job: &Job) -> Result<(), Failure> {
        job.progress(0, 1, "spinning");
        let mut turns: u64 = 0;
        loop {
            turns = std::hint::black_box(turns.wrapping_add(1));
        }
    }
}
