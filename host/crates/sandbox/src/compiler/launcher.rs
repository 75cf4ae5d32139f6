//! The process that starts compilers for a host that cannot start programs any more. The host starts it before it
//! confines itself, sends it the files of each compiler through a socket, and gets back how it has ended. It can start
//! this program and nothing else, and has no network and no files to write.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use saggar_harden::{Role, Walls, confine};

use super::child::Work;
use super::running::{self, CompilerFiles, ProcessEnd, Running, end_message, spawn};

/// The argument that runs the program for this.
pub(super) const ARGUMENT: &str = "launch-compilers";

/// The program that it starts: the one that it is itself, even if its file was replaced meanwhile.
pub(super) const PROGRAM: &str = "/proc/self/exe";

/// The files of a request: those of the compiler, and a stream for its end.
const FILES: usize = 4;

/// How often it looks whether a compiler has exited.
const STEP: Duration = Duration::from_millis(5);

/// A process that starts compilers on behalf of this one. It ends when the last clone is dropped.
#[derive(Clone)]
pub struct CompilerLauncher(Arc<Launcher>);

struct Launcher {
    /// Requests, one message each. `None` only while it is dropped.
    socket: Option<OwnedFd>,
    process: Child,
}

impl CompilerLauncher {
    /// Starts the process. `program` calls [`compile_if_asked`](crate::compile_if_asked) before anything else; use
    /// `/proc/self/exe` for the running one. Call it before this process confines itself.
    pub fn start(program: impl AsRef<Path>) -> io::Result<Self> {
        let (socket, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let process = Command::new(program.as_ref())
            .arg(ARGUMENT)
            .env_clear()
            .current_dir("/")
            // Ctrl-C must reach only the host.
            .process_group(0)
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self(Arc::new(Launcher { socket: Some(socket), process })))
    }

    /// Returns the process's id.
    pub fn process_id(&self) -> u32 {
        self.0.process.id()
    }

    /// Has a compiler started.
    pub(super) fn launch(&self, work: Work, files: CompilerFiles) -> io::Result<Running> {
        let (control, theirs) = UnixStream::pair()?;
        let files = [&files.input, &files.output, &files.errors].map(AsFd::as_fd);
        let sent = [files[0], files[1], files[2], theirs.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES))];
        let mut rights = SendAncillaryBuffer::new(&mut space);
        rights.push(SendAncillaryMessage::ScmRights(&sent));
        let request = [work as u8];
        let socket = self.0.socket.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        sendmsg(socket, &[IoSlice::new(&request)], &mut rights, SendFlags::NOSIGNAL).map_err(ended)?;
        Ok(Running::Launched(control))
    }
}

/// Explains the error of a launcher that has died.
fn ended(error: rustix::io::Errno) -> io::Error {
    match error {
        rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET => {
            io::Error::other("the process that starts compilers has ended; restart the host")
        }
        error => error.into(),
    }
}

impl PartialEq for CompilerLauncher {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for CompilerLauncher {}

impl fmt::Debug for CompilerLauncher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompilerLauncher").field("process_id", &self.process_id()).finish()
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        // The end of the requests ends the process.
        drop(self.socket.take());
        let _ = self.process.wait();
    }
}

/// Runs the launcher until the host has no more requests.
pub(super) fn run() -> io::Result<()> {
    // What the kernel does not have is missing in the host, too, which says so.
    let confinement = confine(&walls()).map_err(io::Error::other)?;
    let (requests, running) = (io::stdin(), Arc::new(Semaphore::default()));
    loop {
        // A host asks for fewer. Before the next request, so that the others wait in the host.
        let permit = Semaphore::acquire(&running);
        match receive(&requests)? {
            Received::Request(request) => start(request, permit),
            // Its host sees that the stream was closed.
            Received::Incomplete => {}
            Received::End => break,
        }
    }
    drop(confinement);
    Ok(())
}

/// Starts a compiler, and waits for its end in a thread. A shortage, such as of threads, is an error of this request alone.
fn start(request: Request, permit: CompilerPermit) {
    let control = request.control.try_clone();
    let serve = move || {
        serve(request);
        drop(permit);
    };
    let started = std::thread::Builder::new().name("compiler".to_owned()).spawn(serve);
    if let (Err(error), Ok(mut control)) = (started, control) {
        let _ = control.write_all(&end_message(&Err(error)));
    }
}

/// How many compilers may run at the same time, whatever the host asks for.
const MAX_COMPILERS: usize = 16;

/// Counts the compilers that run.
#[derive(Default)]
struct Semaphore {
    running: Mutex<usize>,
    ended: Condvar,
}

/// The right to run one compiler.
struct CompilerPermit(Arc<Semaphore>);

impl Semaphore {
    fn acquire(of: &Arc<Self>) -> CompilerPermit {
        let mut running = of.running.lock();
        of.ended.wait_while(&mut running, |running| *running >= MAX_COMPILERS);
        *running += 1;
        CompilerPermit(Arc::clone(of))
    }
}

impl Drop for CompilerPermit {
    fn drop(&mut self) {
        *self.0.running.lock() -= 1;
        self.0.ended.notify_one();
    }
}

/// It may execute this program with its libraries.
fn walls() -> Walls {
    let libraries = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mapped = libraries.lines().filter_map(|line| line.split_whitespace().nth(5)).map(Path::new);
    // Their directories, because an update replaces the files.
    let libraries = mapped.filter(|path| is_library(path)).filter_map(Path::parent).map(PathBuf::from);
    Walls::new(Role::Launcher).execute([PROGRAM]).execute(libraries).read([
        "/etc/ld.so.cache",
        "/etc/ld.so.preload",
        // The C library reads `/proc/self/maps`. Other processes' memory and environment stay out of reach, because
        // Landlock keeps their debuggers' interfaces away.
        "/proc",
        "/sys/fs/cgroup",
        "/dev/null",
    ])
}

/// Returns whether a mapped file is a library, as `libc.so.6` and `ld-linux-x86-64.so.2` are.
fn is_library(path: &Path) -> bool {
    path.is_absolute() && path.file_name().is_some_and(|name| name.to_string_lossy().contains(".so"))
}

/// A compiler to be started.
struct Request {
    work: Work,
    files: CompilerFiles,
    control: UnixStream,
}

/// What came from the host.
enum Received {
    Request(Request),
    /// A request without all its files, for example because this process may open no more.
    Incomplete,
    End,
}

/// Receives a request.
fn receive(socket: impl AsFd) -> io::Result<Received> {
    let mut work = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(socket, &mut [IoSliceMut::new(&mut work)], &mut rights, RecvFlags::CMSG_CLOEXEC)?;
    if received.bytes == 0 {
        return Ok(Received::End);
    }
    let mut files = rights.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => files.collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    let work = Work::ALL.into_iter().find(|known| *known as u8 == work[0]);
    match (work, files.next(), files.next(), files.next(), files.next()) {
        (Some(work), Some(input), Some(output), Some(errors), Some(control)) => {
            let files = CompilerFiles { input, output, errors };
            Ok(Received::Request(Request { work, files, control: control.into() }))
        }
        _ => Ok(Received::Incomplete),
    }
}

/// Starts a compiler, and reports its end. Kills it when the host closes the stream.
fn serve(Request { work, files, mut control }: Request) {
    let ended = spawn(Path::new(PROGRAM), work, files).and_then(|child| wait(child, &control));
    // If the host has gone, the result is not needed.
    let _ = control.write_all(&end_message(&ended));
}

fn wait(mut child: Child, mut control: &UnixStream) -> io::Result<ProcessEnd> {
    control.set_read_timeout(Some(STEP))?;
    loop {
        if let Some(ended) = running::try_wait(&mut child)? {
            return Ok(ended);
        }
        // The host writes nothing; it closes its end of the stream.
        match control.read(&mut [0]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => return running::kill(&mut child),
        }
    }
}
