//! rustc's errors about a type that does not fit the role point at the type.

use saggar_guest::prelude::*;

struct Opaque;

#[saggar_guest::plugin]
mod plugin {
    use super::*;

    #[processor]
    fn fails(_job: &Job) -> Result<(), Opaque> {
        Ok(())
    }

    #[next]
    fn next() -> String {
        String::new()
    }
}

fn add() {
    let _ = tasks::add("mail.send", "ada@example.com");
    saggar_guest::testing::FakeHost::new().on_add::<plugin::Plugin>();
}

fn main() {}
