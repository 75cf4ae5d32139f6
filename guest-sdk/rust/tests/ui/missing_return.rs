//! A processor and an id source answer something.

#[saggar_guest::plugin]
mod plugin {
    use saggar_guest::prelude::*;

    #[processor]
    fn send(job: &Job, to: String) {}

    #[next]
    fn next() {}
}

fn main() {}
