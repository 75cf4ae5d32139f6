//! Files, TCP ports, and signals to other processes, by Landlock. Everything that no rule allows is refused.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort, PathBeneath, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};

use crate::failure::{HardenError, Missing, refused};
use crate::walls::{Role, Walls};

/// The newest version of Landlock whose restrictions the tests cover: files, TCP ports, devices, signals.
const NEWEST: ABI = ABI::V6;

/// The Linux release with [`NEWEST`].
const NEWEST_LINUX: &str = "6.12";

/// The port of name servers.
const DNS: u16 = 53;

/// Restricts this thread and all that it starts. Returns what the kernel does not have, and open files that must stay open.
pub(crate) fn restrict(walls: &Walls) -> Result<(Option<Missing>, Vec<OwnedFd>), HardenError> {
    let mut pinned = Vec::new();
    let status = apply(walls, &mut pinned).map_err(|error| refused("Landlock rules")(io::Error::other(error)))?;
    let missing = match (status.ruleset, status.landlock) {
        (RulesetStatus::FullyEnforced, _) => None,
        (RulesetStatus::PartiallyEnforced, status) => Some(Missing {
            is_whole: false,
            what: format!("newer parts of Landlock (Linux {NEWEST_LINUX} has all; this kernel has {})", abi(status)),
        }),
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => Some(Missing {
            is_whole: true,
            what:
                "Landlock, which keeps files and ports apart: the kernel has it, but does not use it; add `landlock` \
                   to its parameter `lsm=`"
                    .to_owned(),
        }),
        (RulesetStatus::NotEnforced, _) => Some(Missing {
            is_whole: true,
            what: "Landlock, which keeps files and ports apart (Linux 5.13)".to_owned(),
        }),
    };
    Ok((missing, pinned))
}

fn abi(status: LandlockStatus) -> String {
    match status {
        LandlockStatus::Available { effective_abi, .. } => format!("version {effective_abi}"),
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => "none".to_owned(),
    }
}

fn apply(walls: &Walls, pinned: &mut Vec<OwnedFd>) -> Result<landlock::RestrictionStatus, RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    for (paths, access) in
        [(&walls.readable, reading()), (&walls.writable, writing()), (&walls.executable, executing())]
    {
        for path in paths {
            rules = allow(rules, path, access, pinned)?;
        }
    }
    for (port, access) in ports(&walls.role) {
        rules = rules.add_rule(NetPort::new(port, access))?;
    }
    rules.restrict_self()
}

/// Allows access to a file or device, or to a directory with everything below it. Does nothing if it cannot be opened, or if
/// it is a pipe or socket, of which the kernel takes no rules.
fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
    pinned: &mut Vec<OwnedFd>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(file) = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) else { return Ok(rules) };
    // The kernel refuses rights of directories for other files.
    let access = match fstat(&file).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
        Ok(FileType::Directory) => access,
        Ok(FileType::RegularFile | FileType::CharacterDevice) => access & AccessFs::from_file(NEWEST),
        _ => return Ok(rules),
    };
    let rules = rules.add_rule(PathBeneath::new(file.as_fd(), access))?;
    if path.starts_with("/proc") {
        pinned.push(file);
    }
    Ok(rules)
}

fn reading() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::ReadDir
}

fn executing() -> BitFlags<AccessFs> {
    reading() | AccessFs::Execute
}

/// Regular files and directories; no links, devices, pipes or sockets.
fn writing() -> BitFlags<AccessFs> {
    reading()
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer
}

fn ports(role: &Role) -> Vec<(u16, BitFlags<AccessNet>)> {
    match role {
        Role::Launcher => Vec::new(),
        Role::Host { connects } => {
            let names = (!connects.is_empty()).then_some(DNS);
            connects.iter().copied().chain(names).map(|port| (port, AccessNet::ConnectTcp.into())).collect()
        }
    }
}
