//! The twelve behaviours that the original's own tests do not cover, each under its number there.

mod behaviours {
    mod handlers;
    mod ids;
    mod limits;
    mod loading;
    mod running;
    mod stopping;
}
