//! A name identifies one function of a role.

#[saggar_guest::plugin]
mod plugin {
    use saggar_guest::prelude::*;

    #[processor]
    fn thumbnail(job: &Job) -> Result<(), Failure> {
        Ok(())
    }

    #[processor(name = "thumbnail")]
    fn small(job: &Job) -> Result<(), Failure> {
        Ok(())
    }

    #[processor]
    #[on_add]
    fn both(job: &Job) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
