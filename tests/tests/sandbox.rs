//! The traces of a call, and how it ends: leaking instances are replaced in time, output belongs to its job, and every
//! limit is named in its error.

mod sandbox {
    mod adding;
    mod endings;
    mod leaking;
    mod printing;
    mod proposals;
    mod room;
}
