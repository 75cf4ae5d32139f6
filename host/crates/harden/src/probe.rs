//! What an escaped guest would try, for the tests of the walls; only in debug builds. Each attempt is harmless if it
//! succeeds, except that of [`exec`], which replaces the process.

mod calls;

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Resource, Rlimit, dumpable_behavior, getrlimit, setrlimit};

/// An attempt, and its result.
pub type Attempt = (&'static str, io::Result<()>);

/// What the attempts are made on.
#[derive(Debug, Clone)]
pub struct Targets {
    /// A directory that the host has nothing to do with; it contains a file `secret`.
    pub outside: PathBuf,
    /// A directory that the host reads.
    pub readable: PathBuf,
    /// A server on this machine that the host has nothing to do with.
    pub server: SocketAddr,
}

/// Makes all attempts but [`exec`].
pub fn attempts(on: &Targets) -> Vec<Attempt> {
    [files(on), network(on), limits(), calls::attempts()].into_iter().flatten().collect()
}

/// Replaces this process by a shell; returns only if that fails.
pub fn exec() -> io::Error {
    Command::new("/bin/sh").args(["-c", "exit 77"]).exec()
}

/// Returns the state of the process, as `name=value`.
pub fn state() -> Vec<String> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter_map(|line| line.split_once(':'));
    let shown = ["NoNewPrivs", "Seccomp", "CapEff"];
    let lines = lines.filter(|(name, _)| shown.contains(name)).map(|(name, value)| format!("{name}={}", value.trim()));
    let core = getrlimit(Resource::Core);
    lines
        .chain([
            format!("core={:?},{:?}", core.current, core.maximum),
            format!("dumpable={:?}", dumpable_behavior().ok()),
        ])
        .collect()
}

fn files(on: &Targets) -> Vec<Attempt> {
    let secret = on.outside.join("secret");
    let open = |path: &str| File::open(path).map(drop);
    vec![
        ("read /etc/shadow", open("/etc/shadow")),
        ("read /etc/passwd", open("/etc/passwd")),
        ("read a file outside", fs::read(&secret).map(drop)),
        ("list a directory outside", fs::read_dir(&on.outside).map(drop)),
        ("list /", fs::read_dir("/").map(drop)),
        ("overwrite a file outside", File::options().write(true).open(&secret).map(drop)),
        ("truncate a file outside", truncate(&secret)),
        ("create a file outside", File::create(on.outside.join("new")).map(drop)),
        ("create a directory outside", fs::create_dir(on.outside.join("directory"))),
        ("remove a file outside", fs::remove_file(on.outside.join("removable"))),
        ("rename a file outside", fs::rename(on.outside.join("a"), on.outside.join("b"))),
        ("create a file in the app", File::create(on.readable.join("new")).map(drop)),
        ("overwrite a task", File::options().write(true).open(on.readable.join("tasks/.keep")).map(drop)),
        ("link to a file outside", fs::hard_link(&secret, on.outside.join("link"))),
        ("create a symbolic link", std::os::unix::fs::symlink(&secret, on.outside.join("symbolic"))),
        ("read the environment of another process", fs::read("/proc/1/environ").map(drop)),
        ("read the memory of another process", open("/proc/1/mem")),
        ("read the kernel's log", open("/proc/kmsg")),
        (
            "choose the program for core dumps",
            File::options().write(true).open("/proc/sys/kernel/core_pattern").map(drop),
        ),
        ("go through the root of the process", open("/proc/self/root/etc/passwd")),
        ("go through the directory of the process", fs::read_dir("/proc/self/cwd/..").map(drop)),
    ]
}

fn truncate(path: &Path) -> io::Result<()> {
    File::options().write(true).truncate(true).open(path).map(drop)
}

fn network(on: &Targets) -> Vec<Attempt> {
    vec![
        ("connect to another server", TcpStream::connect(on.server).map(drop)),
        ("listen on another port", listen_elsewhere()),
        ("listen without a port", calls::listen()),
        ("connect by sending", calls::connect_by_sending(on.server)),
        ("connect by another protocol", calls::connect_by_multipath(on.server)),
        ("send to a name server", UdpSocket::bind("127.0.0.1:0").map(drop)),
        ("make a Unix socket", UnixListener::bind(on.outside.join("socket")).map(drop)),
        ("make a datagram socket", UnixDatagram::unbound().map(drop)),
        ("make a pair of datagram sockets", UnixDatagram::pair().map(drop)),
    ]
}

/// Binds one port from the range for programs that ask for a certain one.
fn listen_elsewhere() -> io::Result<()> {
    let mut last = None;
    for port in 20_000..20_020 {
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::other("no port was tried")))
}

fn limits() -> Vec<Attempt> {
    let core = Rlimit { current: Some(1 << 20), maximum: Some(1 << 20) };
    vec![
        ("raise the limit of core dumps", setrlimit(Resource::Core, core).map_err(io::Error::from)),
        ("start a program", Command::new("/bin/true").spawn().and_then(|mut child| child.wait()).map(drop)),
    ]
}
