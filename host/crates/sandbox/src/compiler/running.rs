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
use super::cpu_time;

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

/// How a child process has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProcessEnd {
    pub(super) status: ExitStatus,
    /// The processor time of all its threads.
    pub(super) cpu: Duration,
}

/// A running child process.
pub(super) enum Running {
    /// Of this process.
    Child(Mutex<Child>),
    /// Of the launcher, which kills it when this stream is closed, and writes to it how it has ended.
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

    /// Waits for the exit of a process whose reply is complete or truncated, and returns how it has ended. Kills a process
    /// that closed its output but does not exit.
    pub(super) fn reap(&self) -> io::Result<ProcessEnd> {
        match self {
            Self::Child(child) => reap(child),
            Self::Launched(control) => {
                control.set_read_timeout(Some(EXIT_TIME))?;
                match read_end(control) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.kill();
                        read_end(control)
                    }
                    ended => ended,
                }
            }
        }
    }
}

fn reap(child: &Mutex<Child>) -> io::Result<ProcessEnd> {
    const STEP: Duration = Duration::from_millis(5);
    for _ in 0..EXIT_TIME.as_millis() / STEP.as_millis() {
        if let Some(ended) = try_wait(&mut child.lock())? {
            return Ok(ended);
        }
        std::thread::sleep(STEP);
    }
    kill(&mut child.lock())
}

/// Returns how a child process has ended; `None` if it runs.
pub(super) fn try_wait(child: &mut Child) -> io::Result<Option<ProcessEnd>> {
    // First, because its clock is gone when the exit status was taken.
    let cpu = cpu_of(child);
    Ok(child.try_wait()?.map(|status| ProcessEnd { status, cpu }))
}

/// Kills a child process; without effect if it has exited. Returns how it has ended.
pub(super) fn kill(child: &mut Child) -> io::Result<ProcessEnd> {
    child.kill()?;
    let cpu = cpu_of(child);
    Ok(ProcessEnd { status: child.wait()?, cpu })
}

fn cpu_of(child: &Child) -> Duration {
    cpu_time::of_process(child.id()).unwrap_or_default()
}

/// The first byte of the launcher's message about a child process.
const EXITED: u8 = 0;
const NOT_STARTED: u8 = 1;

/// Bytes of the launcher's message: its kind, a number, and the microseconds of processor time.
const MESSAGE: usize = 1 + 4 + 8;

/// Returns the launcher's message about the end of a child process, or about why it has none.
pub(super) fn end_message(ended: &io::Result<ProcessEnd>) -> [u8; MESSAGE] {
    let (kind, number, cpu) = match ended {
        Ok(ProcessEnd { status, cpu }) => (EXITED, status.into_raw(), *cpu),
        Err(error) => (NOT_STARTED, error.raw_os_error().unwrap_or(0), Duration::ZERO),
    };
    let micros = u64::try_from(cpu.as_micros()).unwrap_or(u64::MAX);
    let mut message = [kind; MESSAGE];
    message[1..5].copy_from_slice(&number.to_le_bytes());
    message[5..].copy_from_slice(&micros.to_le_bytes());
    message
}

fn read_end(mut control: &UnixStream) -> io::Result<ProcessEnd> {
    let (mut kind, mut number, mut micros) = ([0; 1], [0; 4], [0; 8]);
    for part in [&mut kind[..], &mut number[..], &mut micros[..]] {
        control.read_exact(part)?;
    }
    let number = i32::from_le_bytes(number);
    match kind {
        [EXITED] => {
            let cpu = Duration::from_micros(u64::from_le_bytes(micros));
            Ok(ProcessEnd { status: ExitStatus::from_raw(number), cpu })
        }
        _ => Err(io::Error::from_raw_os_error(number)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn received(ended: io::Result<ProcessEnd>) -> io::Result<ProcessEnd> {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(&end_message(&ended)).unwrap();
        read_end(&theirs)
    }

    #[test]
    fn the_end_of_a_process_arrives_as_it_was() {
        let killed =
            ProcessEnd { status: ExitStatus::from_raw(libc::SIGXCPU), cpu: Duration::from_micros(120_000_007) };
        assert_eq!(received(Ok(killed)).unwrap(), killed);
        assert_eq!(killed.status.signal(), Some(libc::SIGXCPU));
        let refused = received(Err(io::Error::from_raw_os_error(libc::EAGAIN))).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EAGAIN));
    }

    #[test]
    fn a_launcher_that_has_died_is_an_error() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        assert_eq!(Running::Launched(ours).reap().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn the_processor_time_of_a_process_is_known_when_it_has_ended() {
        let count = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done";
        let child = Command::new("/bin/sh").args(["-c", count]).spawn().unwrap();
        let ended = reap(&Mutex::new(child)).unwrap();
        assert!(ended.cpu > Duration::from_millis(1), "{ended:?}");
        let mut killed = Command::new("/bin/sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        while cpu_of(&killed) < Duration::from_millis(20) {}
        let ended = kill(&mut killed).unwrap();
        assert!(ended.status.signal() == Some(libc::SIGKILL) && ended.cpu >= Duration::from_millis(20), "{ended:?}");
    }
}
