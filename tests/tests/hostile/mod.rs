//! Hostile guests, and what none of them may achieve. [`withstand`] lists the four things that each test asserts.

mod withstand;

mod ends;
mod floods;
mod handles;
mod memory;
mod time;
mod words;

mod crafted;
mod together;

/// Names every test that must exist; a missing one does not compile.
macro_rules! assert_tests_exist {
    ($($name:ident)*) => { $(
        #[expect(unused_imports, reason = "only its existence matters")]
        use self::$name as _;
    )* };
}
pub(crate) use assert_tests_exist;
