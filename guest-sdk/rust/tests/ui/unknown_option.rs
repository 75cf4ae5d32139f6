//! Unknown options.

#[saggar_guest::plugin(role = "processor")]
mod plugin {
    use saggar_guest::prelude::*;

    #[processor(timeout = 5)]
    fn send(job: &Job) -> Result<(), Failure> {
        Ok(())
    }

    #[on_add(name = "mail#send")]
    fn added(job: &Job) {}

    #[on_add]
    fn 添加(job: &Job) {}
}

#[saggar_guest::plugin]
mod unknown {
    use saggar_guest::prelude::*;

    #[worker]
    fn work(job: &Job) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
