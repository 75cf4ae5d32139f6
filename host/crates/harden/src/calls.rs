//! System calls, by seccomp: a list is allowed, and all others fail with ENOSYS, as if the kernel did not have them.
//!
//! They fail, and do not kill the process: libraries try new calls and fall back to older ones, and when a host dies, the
//! running jobs of all tenants die with it. ENOSYS, not EPERM, because that is what such fallbacks expect; the C library
//! starts no thread after an EPERM of `clone3`.

mod list;

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter_all_threads,
};

use crate::failure::{HardenError, Missing, refused};
use crate::walls::Role;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Restricts this process. Returns what the kernel does not have.
pub(crate) fn restrict(role: &Role) -> Result<Option<Missing>, HardenError> {
    let program = filter(role).map_err(|error| refused("the list of system calls")(io::Error::other(error)))?;
    match apply_filter_all_threads(&program) {
        Ok(()) => Ok(None),
        Err(error) if is_unknown(&error) => Ok(Some(Missing {
            is_whole: true,
            what: "seccomp filters, which keep system calls away (CONFIG_SECCOMP_FILTER)".to_owned(),
        })),
        Err(error) => Err(refused("the filter of system calls")(io::Error::other(error))),
    }
}

/// Returns whether the kernel, or what poses as one, does not know filters.
fn is_unknown(error: &seccompiler::Error) -> bool {
    let code = match error {
        seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error) => error.raw_os_error(),
        _ => None,
    };
    code.is_some_and(|code| code == libc::ENOSYS || code == libc::EINVAL)
}

fn filter(role: &Role) -> seccompiler::Result<BpfProgram> {
    let denied = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
    let arch = std::env::consts::ARCH.try_into()?;
    Ok(SeccompFilter::new(rules(role)?, denied, SeccompAction::Allow, arch)?.try_into()?)
}

fn rules(role: &Role) -> seccompiler::Result<Rules> {
    let mut rules: Rules = list::WITHOUT_CONDITIONS.iter().map(|call| (*call, Vec::new())).collect();
    let itself = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![rule([equals(0, itself)?])?]);
    // Limits of this process only.
    rules.insert(libc::SYS_prlimit64, vec![rule([equals(0, 0)?])?, rule([equals(0, itself)?])?]);
    rules.insert(libc::SYS_prctl, any_of(0, list::PROCESS_OPTIONS)?);
    rules.insert(libc::SYS_ioctl, any_of(1, list::DEVICE_REQUESTS)?);
    rules.insert(libc::SYS_fcntl, any_of(1, list::FILE_COMMANDS)?);
    // Landlock does not see connections that are opened by sending data.
    for (call, at) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)] {
        rules.insert(call, vec![rule([without(at, libc::MSG_FASTOPEN)?])?]);
    }
    // Compiled code is written first and made executable later; memory is never both.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![rule([without(2, libc::PROT_EXEC)?])?, rule([without(2, libc::PROT_WRITE)?])?]);
    }
    match role {
        Role::Host { connects, .. } => {
            if !connects.is_empty() {
                rules.insert(libc::SYS_socket, sockets()?);
                rules.extend([libc::SYS_connect, libc::SYS_bind].map(|call| (call, Vec::new())));
            }
            rules.insert(libc::SYS_socketpair, vec![rule([family(libc::AF_UNIX)?, kind(libc::SOCK_STREAM)?])?]);
            // Threads, but no processes. The arguments of `clone3` cannot be inspected; the C library then uses `clone`.
            let thread = u64::from(libc::CLONE_THREAD.cast_unsigned());
            rules.insert(libc::SYS_clone, vec![rule([masked(0, thread, thread)?])?]);
        }
        Role::Launcher => {
            rules.insert(libc::SYS_socketpair, vec![rule([family(libc::AF_UNIX)?, kind(libc::SOCK_STREAM)?])?]);
            rules.extend(list::OF_PROCESSES.iter().map(|call| (*call, Vec::new())));
            // Processes and threads in the same namespaces.
            let namespaces = u64::from(NAMESPACES.cast_unsigned());
            rules.insert(libc::SYS_clone, vec![rule([masked(0, namespaces, 0)?])?]);
        }
    }
    Ok(rules)
}

/// The flags that create namespaces.
const NAMESPACES: i32 = libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS;

/// TCP, and UDP for name servers. No other protocol: Landlock knows the ports of TCP alone.
fn sockets() -> seccompiler::Result<Vec<SeccompRule>> {
    const DEFAULT: i32 = 0;
    let mut rules = Vec::new();
    for of in [libc::AF_INET, libc::AF_INET6] {
        for (one, named) in [(libc::SOCK_STREAM, libc::IPPROTO_TCP), (libc::SOCK_DGRAM, libc::IPPROTO_UDP)] {
            for protocol in [DEFAULT, named] {
                rules.push(rule([family(of)?, kind(one)?, equals(2, u64::from(protocol.cast_unsigned()))?])?);
            }
        }
    }
    Ok(rules)
}

fn family(family: i32) -> seccompiler::Result<SeccompCondition> {
    equals(0, u64::from(family.cast_unsigned()))
}

/// The type of a socket without its flags, such as `SOCK_CLOEXEC`.
fn kind(kind: i32) -> seccompiler::Result<SeccompCondition> {
    const TYPE: u64 = 0xf;
    masked(1, TYPE, u64::from(kind.cast_unsigned()))
}

fn rule<const N: usize>(conditions: [SeccompCondition; N]) -> seccompiler::Result<SeccompRule> {
    Ok(SeccompRule::new(conditions.to_vec())?)
}

/// Returns the rules that a 32-bit argument is one of these.
fn any_of(number: u8, values: &[u64]) -> seccompiler::Result<Vec<SeccompRule>> {
    values.iter().map(|value| rule([equals(number, *value)?])).collect()
}

/// Returns the condition that a 32-bit argument has this value.
fn equals(number: u8, value: u64) -> seccompiler::Result<SeccompCondition> {
    Ok(SeccompCondition::new(number, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)?)
}

fn masked(number: u8, mask: u64, value: u64) -> seccompiler::Result<SeccompCondition> {
    Ok(SeccompCondition::new(number, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(mask), value)?)
}

/// Returns the condition that an argument does not have this bit.
fn without(number: u8, bit: i32) -> seccompiler::Result<SeccompCondition> {
    masked(number, u64::from(bit.cast_unsigned()), 0)
}
