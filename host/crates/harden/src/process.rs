//! Restrictions of the process itself: capabilities, core dumps and debuggers.

use std::io;

use caps::{CapSet, Capability, CapsHashSet};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// The capabilities that a host of root keeps: those for files of other users, and for ports below 1024.
const KEPT: [Capability; 5] = [
    Capability::CAP_CHOWN,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_DAC_READ_SEARCH,
    Capability::CAP_FOWNER,
    Capability::CAP_NET_BIND_SERVICE,
];

/// Returns the number of threads of this process; `None` if the system does not report it.
pub(crate) fn threads() -> Option<usize> {
    std::fs::read_dir("/proc/self/task").ok().map(Iterator::count)
}

/// Drops all capabilities but the kept ones. Does nothing for a process that has none, as that of an ordinary user.
pub(crate) fn drop_capabilities() -> io::Result<()> {
    let has = caps::read(None, CapSet::Permitted).map_err(io::Error::other)?;
    if has.is_empty() {
        return Ok(());
    }
    let kept: CapsHashSet = KEPT.into_iter().filter(|kept| has.contains(kept)).collect();
    // What can be inherited is for other programs, which a host does not start.
    caps::clear(None, CapSet::Inheritable).map_err(io::Error::other)?;
    for set in [CapSet::Effective, CapSet::Permitted] {
        caps::set(None, set, &kept).map_err(io::Error::other)?;
    }
    Ok(())
}

/// Forbids core dumps, which would contain the data of all tenants, and debuggers of the same user.
pub(crate) fn forbid_core_dumps() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}
