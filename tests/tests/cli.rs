//! The commands `check` and `run` of the real binary: what they print where, and how they exit.

mod cli {
    mod bad_input;
    mod check;
    mod interrupt;
    mod run;
}
