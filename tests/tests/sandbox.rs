//! The effects and the end of a call: leaking instances are replaced in time, output is logged for its job, and each
//! limit is named in its error.

mod sandbox {
    mod adding;
    mod endings;
    mod leaking;
    mod limits;
    mod printing;
    mod proposals;
    mod room;
}
