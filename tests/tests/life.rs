//! The life of a job, line by line as the design tells it. Durability has tests of its own, with the stores.

mod life {
    mod adding;
    mod ending;
    mod starting;
    mod telling;
}
