//! System calls with arguments that do no harm: each fails with another error than ENOSYS, or succeeds, if the kernel has
//! it and no filter is in the way.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, Protocol, SendFlags, SocketType, ipproto, sendto, socket};

use super::Attempt;

/// A system call, its name and its arguments.
type Call = (&'static str, i64, [u64; 5]);

/// An argument that no call accepts.
const BAD: u64 = u64::MAX;

pub(super) fn attempts() -> Vec<Attempt> {
    let itself = u64::from(std::process::id());
    let with_itself = [
        ("ptrace", libc::SYS_ptrace, [libc::PTRACE_PEEKDATA as u64, itself, 0, 0, 0]),
        ("process_vm_readv", libc::SYS_process_vm_readv, [itself, 0, 0, 0, 0]),
        ("process_vm_writev", libc::SYS_process_vm_writev, [itself, 0, 0, 0, 0]),
        ("kill", libc::SYS_kill, [itself, 0, 0, 0, 0]),
        ("pidfd_open", libc::SYS_pidfd_open, [itself, BAD, 0, 0, 0]),
    ];
    with_itself.iter().chain(CALLS).map(|(name, number, arguments)| (*name, call(*number, *arguments))).collect()
}

const CALLS: &[Call] = &[
    ("execveat", libc::SYS_execveat, [BAD, 0, 0, 0, 0]),
    ("bpf", libc::SYS_bpf, [BAD, 0, 0, 0, 0]),
    ("io_uring_setup", libc::SYS_io_uring_setup, [0, 0, 0, 0, 0]),
    ("io_uring_enter", libc::SYS_io_uring_enter, [BAD, 0, 0, 0, 0]),
    ("io_uring_register", libc::SYS_io_uring_register, [BAD, 0, 0, 0, 0]),
    ("perf_event_open", libc::SYS_perf_event_open, [0, 0, 0, 0, 0]),
    ("userfaultfd", libc::SYS_userfaultfd, [BAD, 0, 0, 0, 0]),
    ("init_module", libc::SYS_init_module, [0, 0, 0, 0, 0]),
    ("finit_module", libc::SYS_finit_module, [BAD, 0, 0, 0, 0]),
    ("delete_module", libc::SYS_delete_module, [0, 0, 0, 0, 0]),
    ("kexec_load", libc::SYS_kexec_load, [0, 0, 0, BAD, 0]),
    ("reboot", libc::SYS_reboot, [0, 0, 0, 0, 0]),
    ("mount", libc::SYS_mount, [0, 0, 0, 0, 0]),
    ("umount2", libc::SYS_umount2, [0, BAD, 0, 0, 0]),
    ("pivot_root", libc::SYS_pivot_root, [0, 0, 0, 0, 0]),
    ("open_tree", libc::SYS_open_tree, [BAD, 0, BAD, 0, 0]),
    ("move_mount", libc::SYS_move_mount, [BAD, 0, BAD, 0, BAD]),
    ("chroot", libc::SYS_chroot, [0, 0, 0, 0, 0]),
    ("setns", libc::SYS_setns, [BAD, 0, 0, 0, 0]),
    ("unshare", libc::SYS_unshare, [libc::CLONE_NEWUSER as u64, 0, 0, 0, 0]),
    ("clone3", libc::SYS_clone3, [0, 0, 0, 0, 0]),
    ("keyctl", libc::SYS_keyctl, [0xffff, 0, 0, 0, 0]),
    ("add_key", libc::SYS_add_key, [0, 0, 0, 0, 0]),
    ("request_key", libc::SYS_request_key, [0, 0, 0, 0, 0]),
    ("setuid", libc::SYS_setuid, [BAD, 0, 0, 0, 0]),
    ("setgid", libc::SYS_setgid, [BAD, 0, 0, 0, 0]),
    ("capset", libc::SYS_capset, [0, 0, 0, 0, 0]),
    ("personality", libc::SYS_personality, [0xffff_ffff, 0, 0, 0, 0]),
    ("syslog", libc::SYS_syslog, [BAD, 0, 0, 0, 0]),
    ("sethostname", libc::SYS_sethostname, [0, BAD, 0, 0, 0]),
    ("settimeofday", libc::SYS_settimeofday, [1, 1, 0, 0, 0]),
    ("swapon", libc::SYS_swapon, [0, 0, 0, 0, 0]),
    ("acct", libc::SYS_acct, [1, 0, 0, 0, 0]),
    ("quotactl", libc::SYS_quotactl, [BAD, 0, 0, 0, 0]),
    ("name_to_handle_at", libc::SYS_name_to_handle_at, [BAD, 0, 0, 0, 0]),
    ("open_by_handle_at", libc::SYS_open_by_handle_at, [BAD, 0, 0, 0, 0]),
    ("fanotify_init", libc::SYS_fanotify_init, [BAD, 0, 0, 0, 0]),
    ("mknodat", libc::SYS_mknodat, [BAD, 0, 0, 0, 0]),
    ("fchmodat", libc::SYS_fchmodat, [BAD, 0, 0, 0, 0]),
    ("fchownat", libc::SYS_fchownat, [BAD, 0, 0, 0, 0]),
    ("utimensat", libc::SYS_utimensat, [BAD, 1, 0, 0, 0]),
    ("setxattr", libc::SYS_setxattr, [0, 0, 0, 0, 0]),
    ("socket AF_PACKET", libc::SYS_socket, [17, libc::SOCK_RAW as u64, 0, 0, 0]),
    ("socket AF_NETLINK", libc::SYS_socket, [16, libc::SOCK_RAW as u64, 0, 0, 0]),
    ("socket AF_VSOCK", libc::SYS_socket, [40, libc::SOCK_STREAM as u64, 0, 0, 0]),
    ("socket AF_ALG", libc::SYS_socket, [38, 5, 0, 0, 0]),
    ("socket of raw IP", libc::SYS_socket, [2, libc::SOCK_RAW as u64, 1, 0, 0]),
    ("become dumpable", libc::SYS_prctl, [libc::PR_SET_DUMPABLE as u64, 1, 0, 0, 0]),
    ("write into the terminal", libc::SYS_ioctl, [0, libc::TIOCSTI, 0, 0, 0]),
    // Private and anonymous, writable and executable.
    ("memory both writable and executable", libc::SYS_mmap, [0, 4096, 7, 0x22, BAD]),
];

/// Makes a system call. Closes the file that it returns, if it is one that returns files.
#[expect(unsafe_code, reason = "the kernel checks the arguments: each is a number, null, or an address of nothing")]
fn call(number: i64, [a, b, c, d, e]: [u64; 5]) -> io::Result<()> {
    // SAFETY: no argument is the address of memory that this process uses.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, 0) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    if number == libc::SYS_socket {
        // SAFETY: the file was opened above, and nothing else knows it.
        let _ = unsafe { libc::close(result as libc::c_int) };
    }
    Ok(())
}

fn tcp_socket(protocol: Option<Protocol>) -> io::Result<OwnedFd> {
    Ok(socket(AddressFamily::INET, SocketType::STREAM, protocol)?)
}

/// Listens on a port that the kernel chooses, without binding it.
pub(super) fn listen() -> io::Result<()> {
    Ok(rustix::net::listen(tcp_socket(None)?, 1)?)
}

/// Connects with the first data, without the call for it.
pub(super) fn connect_by_sending(to: SocketAddr) -> io::Result<()> {
    let fast_open = SendFlags::from_bits_retain(libc::MSG_FASTOPEN.cast_unsigned());
    Ok(sendto(tcp_socket(None)?, b"data", fast_open, &to).map(drop)?)
}

/// Connects by multipath TCP, which is another protocol for the kernel.
pub(super) fn connect_by_multipath(to: SocketAddr) -> io::Result<()> {
    Ok(rustix::net::connect(tcp_socket(Some(ipproto::MPTCP))?, &to)?)
}
