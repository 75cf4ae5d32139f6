//! Applies all walls, in the order that they depend on: privileges first, system calls last, because the calls that make
//! walls are themselves not allowed afterwards.

use std::os::fd::OwnedFd;

use crate::failure::{HardenError, Missing, refused};
use crate::walls::Walls;
use crate::{calls, files, process};

/// The result of confining a process.
#[derive(Debug)]
pub struct Confinement {
    /// The walls that the kernel does not have; empty if all are in place.
    pub missing: Vec<Missing>,
    /// Whether files are out of reach.
    pub restricts_files: bool,
    /// Open files below `/proc`. The kernel forgets the inodes of unused ones, and with them the rules about them.
    _pinned: Vec<OwnedFd>,
}

/// Confines this process for good. Call it before there are other threads: those that exist are not confined, and all that
/// follow are.
///
/// A wall that the kernel does not have is left out and reported in [`Confinement::missing`]; the others are applied.
pub fn confine(walls: &Walls) -> Result<Confinement, HardenError> {
    match process::threads() {
        Some(1) | None => {}
        Some(several) => return Err(HardenError::Threads(several)),
    }
    process::drop_capabilities().map_err(refused("dropping capabilities"))?;
    process::forbid_core_dumps().map_err(refused("not to dump core"))?;
    // One wall is better than none.
    let (files, calls) = (files::restrict(walls), calls::restrict(&walls.role));
    let ((files, pinned), calls) = (files?, calls?);
    let restricts_files = files.as_ref().is_none_or(|missing| !missing.is_whole);
    Ok(Confinement { missing: files.into_iter().chain(calls).collect(), restricts_files, _pinned: pinned })
}
