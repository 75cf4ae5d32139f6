//! The commands `check` and `run` of the real binary: their output and exit codes.

mod cli {
    mod bad_input;
    mod check;
    mod interrupt;
    mod run;
}
