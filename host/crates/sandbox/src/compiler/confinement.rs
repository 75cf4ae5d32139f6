//! Confines the compiling process: it can compute with limited memory and time, read its input and write its reply. A
//! list of system calls is allowed; all others fail as if the kernel did not have them. So the process cannot use
//! files, the network, programs or other processes.

use std::collections::BTreeMap;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

use super::MAX_MEMORY;
use super::child::MAX_CPU;

/// Maximum bytes that it may write to its only file, standard error.
const MAX_STDERR: u64 = 64 << 10;

/// Maximum bytes of address space, for the program and for memory that is reserved but not used. All memory that the
/// process writes counts as its data, because it cannot share memory.
const MAX_ADDRESSES: u64 = 4 << 30;

/// Confines this process permanently.
pub(super) fn confine() -> io::Result<()> {
    limit(Resource::Data, MAX_MEMORY)?;
    limit(Resource::As, MAX_ADDRESSES)?;
    limit(Resource::Cpu, MAX_CPU.as_secs())?;
    limit(Resource::Fsize, MAX_STDERR)?;
    limit(Resource::Core, 0)?;
    deny_system_calls().map_err(|error| io::Error::other(format!("the kernel cannot confine it: {error}")))
}

/// Lowers a resource limit; keeps a limit that is lower already.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let lower = |limit: Option<u64>| Some(limit.map_or(most, |limit| limit.min(most)));
    let Rlimit { current, maximum } = getrlimit(resource);
    // Exceeding the soft limit on processor time sends SIGXCPU, which the parent reports; exceeding the hard limit
    // kills with SIGKILL.
    let slack = u64::from(resource == Resource::Cpu);
    setrlimit(
        resource,
        Rlimit {
            current: lower(current),
            maximum: lower(maximum).map(|most| most + slack).min(maximum.or(Some(u64::MAX))),
        },
    )?;
    Ok(())
}

/// Restricts this thread, and all threads that it starts, to the system calls of [`allowed`], without new privileges.
fn deny_system_calls() -> seccompiler::Result<()> {
    let denied = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
    let arch = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(allowed()?, denied, SeccompAction::Allow, arch)?;
    let program: BpfProgram = filter.try_into()?;
    apply_filter(&program)
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn allowed() -> seccompiler::Result<Rules> {
    let mut rules: Rules = WITHOUT_CONDITIONS.iter().map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_read, vec![argument(0, SeccompCmpOp::Eq, 0)?]);
    rules.insert(libc::SYS_write, vec![argument(0, SeccompCmpOp::Eq, 1)?, argument(0, SeccompCmpOp::Eq, 2)?]);
    // Threads, but no processes. `clone3` is not allowed, because its arguments cannot be inspected; the C library then
    // uses `clone`.
    let thread = u64::from(libc::CLONE_THREAD.cast_unsigned());
    rules.insert(libc::SYS_clone, vec![argument(0, SeccompCmpOp::MaskedEq(thread), thread)?]);
    // Signals to itself only, for `abort`.
    let itself = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![argument(0, SeccompCmpOp::Eq, itself)?]);
    // Memory, but not executable and not shared.
    let private = || without(3, libc::MAP_SHARED);
    let no_code = || without(2, libc::PROT_EXEC);
    rules.insert(libc::SYS_mmap, vec![SeccompRule::new(vec![no_code()?, private()?])?]);
    rules.insert(libc::SYS_mprotect, vec![SeccompRule::new(vec![no_code()?])?]);
    let set_name = u64::from(libc::PR_SET_NAME.cast_unsigned());
    rules.insert(libc::SYS_prctl, vec![argument(0, SeccompCmpOp::Eq, set_name)?]);
    Ok(rules)
}

fn argument(number: u8, operator: SeccompCmpOp, value: u64) -> seccompiler::Result<SeccompRule> {
    Ok(SeccompRule::new(vec![SeccompCondition::new(number, SeccompCmpArgLen::Qword, operator, value)?])?)
}

/// Returns the condition that an argument does not have this bit.
fn without(number: u8, bit: i32) -> seccompiler::Result<SeccompCondition> {
    let bit = u64::from(bit.cast_unsigned());
    Ok(SeccompCondition::new(number, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(bit), 0)?)
}

/// System calls for allocators, threads, panics and exit.
const WITHOUT_CONDITIONS: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
];

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::net::{TcpListener, TcpStream};
    use std::process::Command;
    use std::thread;

    use super::*;

    /// Runs `work` on a thread with the system calls of the compiler.
    fn confined<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        let thread = thread::spawn(|| {
            deny_system_calls().unwrap();
            work()
        });
        thread.join().unwrap()
    }

    fn is_denied<T>(result: io::Result<T>) -> bool {
        result.is_err_and(|error| error.raw_os_error() == Some(libc::ENOSYS))
    }

    #[test]
    fn the_compiler_can_compute_and_start_threads() {
        let sum = confined(|| thread::spawn(|| (0..1_000_u64).collect::<Vec<_>>().iter().sum::<u64>()).join().unwrap());
        assert_eq!(sum, 499_500);
    }

    #[test]
    fn the_compiler_cannot_use_files() {
        let dir = tempfile::tempdir().unwrap();
        let (path, open) = (dir.path().join("file"), File::create(dir.path().join("open")).unwrap());
        fs::write(&path, "a secret").unwrap();
        let denied = confined(move || {
            use std::io::{Read, Write};
            [
                is_denied(File::open(&path)),
                is_denied(File::create(path.with_extension("new"))),
                is_denied(fs::remove_file(&path)),
                is_denied(fs::read_dir("/").map(drop)),
                is_denied((&open).write(b"inherited")),
                is_denied((&open).read(&mut [0])),
            ]
        });
        assert_eq!(denied, [true; 6]);
    }

    #[test]
    fn the_compiler_cannot_use_network_programs_or_other_processes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let denied = confined(move || {
            [
                is_denied(TcpStream::connect(address)),
                is_denied(TcpListener::bind("127.0.0.1:0")),
                Command::new("/bin/true").spawn().is_err(),
                is_denied(rustix::process::test_kill_process(rustix::process::Pid::INIT).map_err(Into::into)),
                is_denied(setrlimit(Resource::As, getrlimit(Resource::As)).map_err(Into::into)),
            ]
        });
        assert_eq!(denied, [true; 5]);
    }
}
