//! What guests ask of the host, what a call leaves behind, and how it ends.

mod sandbox {
    mod adding;
}
