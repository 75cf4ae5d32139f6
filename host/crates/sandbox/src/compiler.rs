//! Compiles components, and encodes core modules as components, in a child process with limited memory and time and
//! without files, or in this process for embedders that trust their plugins. This module is the parent's side; `child`
//! is the other side.

pub(crate) mod child;
pub(crate) mod compile;
mod confinement;
pub(crate) mod encode;

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::fs::{MemfdFlags, memfd_create};
use serde::de::DeserializeOwned;

use crate::text::escaped;
use child::{Work, read_reply};
use compile::{NotCompiled, compile};
use encode::{EncodeError, EncodeRequest};

/// Maximum bytes of private memory for compiling one component. A Python component of 18 MiB needs half of it.
pub(crate) const MAX_MEMORY: u64 = 1 << 30;

/// Maximum duration of compiling one component.
pub(crate) const MAX_TIME: Duration = Duration::from_secs(60);

/// Threads of one compilation; each needs its own memory.
const THREADS: usize = 4;

/// Advice for a component that exceeds the compiler's limits.
const ADVICE: &str = "build it with optimization for size, leave out what it does not need, or split it";

/// Where components are parsed and compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compiler {
    /// In this process, without limits on memory and time: a crafted component can take minutes and gigabytes, or abort
    /// the process. For embedders that trust their plugins.
    InProcess,
    /// In a child process that can only compute. The host starts this executable with one argument, and the executable
    /// calls [`compile_if_asked`](crate::compile_if_asked) before anything else, as `saggar` does. Use `/proc/self/exe`
    /// for the running program.
    Process(PathBuf),
}

impl Compiler {
    /// Compiles a component. Dropping the future kills the process.
    pub(crate) async fn run(&self, engine: &wasmtime::Engine, bytes: Vec<u8>) -> Result<Vec<u8>, NotCompiled> {
        match self {
            Self::InProcess => {
                let engine = engine.clone();
                blocking(move || compile(&engine, &bytes)).await
            }
            Self::Process(program) => run_in_child(program.clone(), Work::Compile, vec![bytes]).await,
        }
    }

    /// Encodes a core module as a component, which a host can load. Dropping the future kills the process.
    pub async fn encode(&self, request: EncodeRequest) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::InProcess => blocking(move || encode::encode(&request)).await,
            Self::Process(program) => {
                let parts = request.into_parts().map_err(|error| EncodeError::Failed(error.to_string()))?;
                run_in_child(program.clone(), Work::Encode, parts).await
            }
        }
    }
}

/// Why a child process has no result.
trait ChildError: DeserializeOwned + Send + 'static {
    /// Creates the refusal for an input that the process could not handle.
    fn failed(why: String) -> Self;
}

impl ChildError for NotCompiled {
    fn failed(why: String) -> Self {
        Self::Failed(why)
    }
}

impl ChildError for EncodeError {
    fn failed(why: String) -> Self {
        Self::Failed(why)
    }
}

/// Runs a child process with the parts of its input, and returns its reply.
async fn run_in_child<R: ChildError>(program: PathBuf, work: Work, input: Vec<Vec<u8>>) -> Result<Vec<u8>, R> {
    let started = blocking(move || {
        Process::start(&program, work, &input)
            .map_err(|error| R::failed(format!("cannot start its compiler {}: {error}", program.display())))
    });
    let (process, stdout) = started.await?;
    let reaped = process.0.clone();
    let ended = blocking(move || Ok((read_reply(stdout), reap(&reaped))));
    match tokio::time::timeout(MAX_TIME, ended).await {
        Ok(Ok((Some(reply), _))) => reply,
        Ok(Ok((None, status))) => Err(R::failed(process.exit_reason(status))),
        Ok(Err(refusal)) => Err(refusal),
        Err(_) => Err(R::failed(format!("that takes longer than {} s: {ADVICE}", MAX_TIME.as_secs()))),
    }
}

/// Runs blocking work on a thread for such work.
async fn blocking<T: Send + 'static, R: ChildError>(
    work: impl FnOnce() -> Result<T, R> + Send + 'static,
) -> Result<T, R> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.unwrap_or_else(|error| Err(R::failed(error.to_string())))
}

/// A running compiler. Dropping it kills the process.
struct Process(Arc<Mutex<Child>>, File);

impl Process {
    /// Starts a process with this input. Its reply comes through the returned pipe.
    fn start(program: &Path, work: Work, parts: &[Vec<u8>]) -> io::Result<(Self, ChildStdout)> {
        let mut input = anonymous_file()?;
        for part in parts {
            input.write_all(part)?;
        }
        input.rewind()?;
        let stderr = anonymous_file()?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS);
        let mut child = Command::new(program)
            .arg(work.argument())
            .env_clear()
            .env("RAYON_NUM_THREADS", threads.to_string())
            // In KiB. Reserved memory counts only when it is used. The default arena of 1 GiB would be the whole limit.
            .env("MIMALLOC_ARENA_RESERVE", "65536")
            .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
            .current_dir("/")
            // Ctrl-C must reach only the host, which kills its compilers.
            .process_group(0)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(stderr.try_clone()?)
            .spawn()?;
        let stdout = child.stdout.take();
        let process = Self(Arc::new(Mutex::new(child)), stderr);
        stdout.map(|stdout| (process, stdout)).ok_or_else(|| io::Error::other("it has no standard output"))
    }

    /// Describes why the process exited without a reply.
    fn exit_reason(&self, status: io::Result<ExitStatus>) -> String {
        let mut stderr = [0; 1024];
        let length = self.1.read_at(&mut stderr, 0).unwrap_or(0);
        let stderr = String::from_utf8_lossy(stderr.get(..length).unwrap_or_default());
        let how = match status {
            Ok(status) => describe_exit(status, &stderr),
            Err(error) => format!("cannot wait for its compiler: {error}"),
        };
        let first = stderr.lines().find(|line| !line.trim().is_empty()).unwrap_or("no output");
        format!("{how} ({})", escaped(first.trim()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // No effect if the process has exited. The thread that reads the reply reaps it.
        let _ = self.0.lock().kill();
    }
}

/// Waits for the exit of a compiler whose reply is complete or truncated, and returns the exit status. Kills a compiler
/// that closed its output but does not exit.
fn reap(child: &Mutex<Child>) -> io::Result<ExitStatus> {
    const STEP: Duration = Duration::from_millis(5);
    for _ in 0..200 {
        if let Some(status) = child.lock().try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(STEP);
    }
    let mut child = child.lock();
    child.kill()?;
    child.wait()
}

fn describe_exit(status: ExitStatus, stderr: &str) -> String {
    let signal = status.signal().unwrap_or(0);
    if stderr.contains("memory allocation of") {
        format!("that takes more than {} MiB of memory: {ADVICE}", MAX_MEMORY >> 20)
    } else if stderr.contains("overflowed its stack") {
        format!("its compiler overflowed the stack, because the component is nested too deeply: {ADVICE}")
    } else if signal == libc::SIGXCPU {
        format!("that takes more than {} s of processor time: {ADVICE}", child::MAX_CPU.as_secs())
    } else if signal != 0 {
        format!("its compiler was killed by signal {signal}: give the machine more memory, or leave this plugin out")
    } else {
        format!("its compiler exited with {status} and no reply: leave this plugin out")
    }
}

/// Creates an anonymous file in memory.
fn anonymous_file() -> io::Result<File> {
    Ok(memfd_create("saggar-compiler", MemfdFlags::CLOEXEC)?.into())
}
