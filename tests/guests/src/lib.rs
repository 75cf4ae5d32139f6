//! Shared by the hostile guests: the lists of their behaviours, and the selection of one.

#![no_std]

mod behaviours;

/// Defines `act(name, args)`, which calls the function `name` of the guest; `ok` returns the arguments.
#[macro_export]
macro_rules! act_by_name {
    ($($name:ident)*) => {
        fn act(name: &str, args: &str) -> Answer {
            match name {
                "ok" => Ok(args.into()),
                $(stringify!($name) => $name(),)*
                other => panic!("unknown behaviour {other}"),
            }
        }
    };
}

/// Returns the first argument of a job, which must be a string without escapes.
pub fn first_argument(args: &str) -> &str {
    args.split('"').nth(1).unwrap_or_default()
}
