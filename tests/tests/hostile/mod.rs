//! Hostile guests, and the harm that none of them may do. [`withstand`] lists the assertions of each test.

mod withstand;

mod ends;
mod floods;
mod handles;
mod memory;
mod time;
mod words;

mod crafted;
mod together;

/// Imports every test that must exist, so that a missing one is a compile error.
macro_rules! assert_tests_exist {
    ($($name:ident)*) => { $(
        #[expect(unused_imports, reason = "only its existence matters")]
        use self::$name as _;
    )* };
}
pub(crate) use assert_tests_exist;
