//! The host calls a plain function.

#[saggar_guest::plugin]
mod plugin {
    use saggar_guest::prelude::*;

    #[processor]
    async fn later(job: &Job) -> Result<(), Failure> {
        Ok(())
    }

    #[processor]
    fn any<T>(job: &Job, value: T) -> Result<(), Failure> {
        Ok(())
    }

    #[processor]
    unsafe extern "C" fn foreign(job: &Job) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
