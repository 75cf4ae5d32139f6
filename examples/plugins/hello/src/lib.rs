//! Greets: the smallest plugin.

#[saggar_guest::plugin]
mod hello {
    use saggar_guest::prelude::*;

    #[processor]
    fn greet(_job: &Job, name: String) -> String {
        format!("Hello, {name}!")
    }
}
