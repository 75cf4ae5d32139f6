//! Restricts what this process can ask the kernel for, so that a guest that has escaped from its sandbox cannot use the
//! host's rights: its files, network, privileges and programs. Owns the mechanisms of the kernel; the caller says what
//! the process needs.
//!
//! In reading order: [`Walls`] say what the process may still do, [`confine`] applies them, and its [`Confinement`] says
//! which of them the kernel does not have. `files` uses Landlock, `calls` seccomp, and `process` the rest. `probe`, in
//! debug builds only, tries to get through.

mod walls;

mod failure;

mod calls;
mod files;
mod process;

mod confine;

#[cfg(debug_assertions)]
pub mod probe;

pub use confine::{Confinement, confine};
pub use failure::{HardenError, Missing};
pub use walls::{Role, Walls};
