//! Components that a host refuses to load, for the reloads of hostile tenants.

use std::fs;

use saggar_tests::crafted::{BOMBS, bomb, incompatible, malformed};
use saggar_tests::{foreach_incompatible, foreach_malformed, guests};

macro_rules! names {
    ($($name:ident)*) => { &[$(stringify!($name)),*] };
}

const MALFORMED: &[&str] = foreach_malformed!(names);
const INCOMPATIBLE: &[&str] = foreach_incompatible!(names);

/// Left out, because these are about the processors of the machine, and not about the host: the compilers of components are
/// processes of their own, and the host shares only the time of guests. The first one would be written to disk in each
/// reload; the others are compiled, or take long to check.
const LEFT_OUT: [&str; 4] = ["hundred_megabytes", "fifty_thousand_types", "types_by_reference", "types_that_double"];

/// Returns the bytes of all of them.
pub(super) fn refused() -> Vec<Vec<u8>> {
    let good = fs::read(guests::ECHO).expect("the guests have been built");
    let is_used = |name: &&&str| !LEFT_OUT.contains(*name);
    let malformed = MALFORMED.iter().filter(is_used).map(|name| malformed(name, &good));
    let incompatible = INCOMPATIBLE.iter().map(|name| incompatible(name));
    let bombs = BOMBS.iter().filter(is_used).map(|name| bomb(name));
    malformed.chain(incompatible).chain(bombs).map(|bytes| bytes.expect("the component can be built")).collect()
}
