//! What a call leaves behind, and how it ends: instances that leak are replaced in time, what a guest writes belongs to its
//! job, and every limit names itself.

mod sandbox {
    mod adding;
    mod endings;
    mod leaking;
    mod printing;
    mod proposals;
    mod room;
}
