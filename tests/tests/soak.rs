//! A soak: 20 hostile tenants do at random whatever a guest or a client can do to a host, while 5 honest tenants run
//! measured work. The honest tenants get their fair share of the processors (`figures.rs` says what that is), their jobs
//! take hardly longer than fair sharing costs, and none fails. Afterwards nothing is left: the host has no error in its log,
//! and the memory and the files that it had before.
//!
//! A run takes the warm-up, a quarter of the time with the honest tenants alone, and three quarters with all; two minutes
//! without the warm-up. It prints a seed and all figures.
//!
//! `SAGGAR_SOAK_SECONDS=3600 cargo test --workspace --test soak -- --nocapture` takes an hour instead, and `SAGGAR_SOAK_SEED`
//! repeats the random choices of another run. The clients and the host share the processors of the machine, so other work
//! on it shows in the figures.

#![expect(clippy::print_stdout, reason = "the test prints its measurements")]

mod soak {
    mod apps;
    mod attack;
    mod components;
    mod figures;
    mod honest;
    mod host;
    mod requests;
    mod run;
    #[expect(dead_code, reason = "the tests of tenants use the rest")]
    #[path = "../tenants/stage.rs"]
    mod stage;
    mod usage;
}
