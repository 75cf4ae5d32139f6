//! A processor and an id source return a value.

#[saggar_guest::plugin]
mod plugin {
    use saggar_guest::prelude::*;

    #[processor]
    fn send(job: &Job, to: String) {}

    #[next]
    fn next() {}
}

fn main() {}
