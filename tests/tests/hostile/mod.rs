//! Hostile guests, and what every one of them must not achieve. See [`withstand`] for the four things that each test
//! asserts.

mod withstand;

mod ends;
mod floods;
mod handles;
mod memory;
mod time;
mod words;

mod crafted;
mod together;

/// Names every test that must be there; one that is not does not compile.
macro_rules! assert_tests_exist {
    ($($name:ident)*) => { $(
        #[expect(unused_imports, reason = "only its existence matters")]
        use self::$name as _;
    )* };
}
pub(crate) use assert_tests_exist;
