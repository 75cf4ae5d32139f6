//! Deployments, with the real binary: what is recorded of them, rollbacks, and versions that tasks pin.

mod deployments {
    mod commands;
    mod pins;
    mod recorded;
    mod rollback;
    mod stage;
}
