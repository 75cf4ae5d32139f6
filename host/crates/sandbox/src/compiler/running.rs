//! A child process that compiles or encodes: its start, and its end. It is a child of this process, or of the launcher.

use std::io::{self, Read};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use parking_lot::Mutex;

use super::child::Work;

/// Threads of one compilation; each needs its own memory.
const THREADS: usize = 4;

/// How long a process whose reply is complete or truncated may take to exit.
const EXIT_TIME: Duration = Duration::from_secs(1);

/// The files of a child process.
#[derive(Debug)]
pub(super) struct CompilerFiles {
    /// Standard input: the request.
    pub(super) input: OwnedFd,
    /// Standard output: the reply.
    pub(super) output: OwnedFd,
    /// Standard error.
    pub(super) errors: OwnedFd,
}

/// A running child process.
pub(super) enum Running {
    /// Of this process.
    Child(Mutex<Child>),
    /// Of the launcher, which kills it when this stream is closed, and writes its exit status to it.
    Launched(UnixStream),
}

/// Starts a child process of this process.
pub(super) fn spawn(program: &Path, work: Work, files: CompilerFiles) -> io::Result<Child> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    Command::new(program)
        .arg(work.argument())
        .env_clear()
        .env("RAYON_NUM_THREADS", threads.to_string())
        // In KiB. Reserved memory counts only when it is used. The default arena of 1 GiB would be the whole limit.
        .env("MIMALLOC_ARENA_RESERVE", "65536")
        .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
        .current_dir("/")
        // Ctrl-C must reach only the host, which kills its compilers.
        .process_group(0)
        .stdin(Stdio::from(files.input))
        .stdout(Stdio::from(files.output))
        .stderr(Stdio::from(files.errors))
        .spawn()
}

impl Running {
    pub(super) fn child(child: Child) -> Self {
        Self::Child(Mutex::new(child))
    }

    /// Kills the process; does nothing if it has exited. The reader of its reply reaps it.
    pub(super) fn kill(&self) {
        match self {
            Self::Child(child) => drop(child.lock().kill()),
            Self::Launched(control) => drop(control.shutdown(Shutdown::Write)),
        }
    }

    /// Waits for the exit of a process whose reply is complete or truncated, and returns the exit status. Kills a process
    /// that closed its output but does not exit.
    pub(super) fn reap(&self) -> io::Result<ExitStatus> {
        match self {
            Self::Child(child) => reap(child),
            Self::Launched(control) => {
                control.set_read_timeout(Some(EXIT_TIME))?;
                match read_status(control) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.kill();
                        read_status(control)
                    }
                    status => status,
                }
            }
        }
    }
}

fn reap(child: &Mutex<Child>) -> io::Result<ExitStatus> {
    const STEP: Duration = Duration::from_millis(5);
    for _ in 0..EXIT_TIME.as_millis() / STEP.as_millis() {
        if let Some(status) = child.lock().try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(STEP);
    }
    let mut child = child.lock();
    child.kill()?;
    child.wait()
}

/// The first byte of the launcher's message about a child process.
const EXITED: u8 = 0;
const NOT_STARTED: u8 = 1;

/// Returns the launcher's message about the end of a child process, or about why it has none.
pub(super) fn status_message(ended: &io::Result<ExitStatus>) -> [u8; 5] {
    let (kind, number) = match ended {
        Ok(status) => (EXITED, status.into_raw()),
        Err(error) => (NOT_STARTED, error.raw_os_error().unwrap_or(0)),
    };
    let [a, b, c, d] = number.to_le_bytes();
    [kind, a, b, c, d]
}

fn read_status(mut control: &UnixStream) -> io::Result<ExitStatus> {
    let mut message = [0; 5];
    control.read_exact(&mut message)?;
    let [kind, number @ ..] = message;
    match (kind, i32::from_le_bytes(number)) {
        (EXITED, raw) => Ok(ExitStatus::from_raw(raw)),
        (_, code) => Err(io::Error::from_raw_os_error(code)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn received(ended: io::Result<ExitStatus>) -> io::Result<ExitStatus> {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(&status_message(&ended)).unwrap();
        read_status(&theirs)
    }

    #[test]
    fn the_end_of_a_process_arrives_as_it_was() {
        let killed = ExitStatus::from_raw(libc::SIGXCPU);
        assert_eq!(received(Ok(killed)).unwrap().signal(), Some(libc::SIGXCPU));
        let refused = received(Err(io::Error::from_raw_os_error(libc::EAGAIN))).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EAGAIN));
    }

    #[test]
    fn a_launcher_that_has_died_is_an_error() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        assert_eq!(Running::Launched(ours).reap().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
