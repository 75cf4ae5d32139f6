//! Compiles components, and encodes core modules as components, in a child process with limited memory and time and
//! without files, or in this process for embedders that trust their plugins. This module is the parent's side; `child`
//! is the other side. A confined host cannot start processes: its `launcher` does, which was started before.

pub(crate) mod child;
pub(crate) mod compile;
mod confinement;
mod cpu_time;
pub(crate) mod encode;
pub(crate) mod launcher;
mod running;

use std::fs::File;
use std::io::{self, PipeReader, Seek, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, memfd_create};
use saggar_tenant::Tenant;
use serde::de::DeserializeOwned;

use crate::text::escaped;
use child::{Work, read_reply};
use compile::{NotCompiled, compile};
use encode::{EncodeError, EncodeRequest};
use launcher::CompilerLauncher;
use running::{CompilerFiles, Running};

/// Maximum bytes of private memory for compiling one component. A Python component of 18 MiB needs half of it.
pub(crate) const MAX_MEMORY: u64 = 1 << 30;

/// Maximum duration of compiling one component.
pub(crate) const MAX_TIME: Duration = Duration::from_secs(60);

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
    /// Like [`Process`](Self::Process), but another process starts the child processes, so that this one need not be
    /// able to.
    Launched(CompilerLauncher),
}

impl Compiler {
    /// Compiles a component of `payer`; of the host if there is none. Dropping the future kills the process. The payer's
    /// processor time is counted in any case.
    pub(crate) async fn run(
        &self,
        engine: &wasmtime::Engine,
        bytes: Vec<u8>,
        payer: Option<Arc<Tenant>>,
    ) -> Result<Vec<u8>, NotCompiled> {
        let starter = match self {
            Self::InProcess => {
                let engine = engine.clone();
                return blocking(move || compile_here(&engine, &bytes, payer.as_deref())).await;
            }
            Self::Process(program) => Starter::Program(program.clone()),
            Self::Launched(launcher) => Starter::Launcher(launcher.clone()),
        };
        run_in_child(starter, Work::Compile, vec![bytes], payer).await
    }

    /// Encodes a core module as a component, which a host can load. Dropping the future kills the process.
    pub async fn encode(&self, request: EncodeRequest) -> Result<Vec<u8>, EncodeError> {
        let starter = match self {
            Self::InProcess => return blocking(move || encode::encode(&request)).await,
            Self::Process(program) => Starter::Program(program.clone()),
            Self::Launched(launcher) => Starter::Launcher(launcher.clone()),
        };
        let parts = request.into_parts().map_err(|error| EncodeError::Failed(error.to_string()))?;
        run_in_child(starter, Work::Encode, parts, None).await
    }
}

/// Compiles a component in this process.
fn compile_here(engine: &wasmtime::Engine, bytes: &[u8], payer: Option<&Tenant>) -> Result<Vec<u8>, NotCompiled> {
    let began = Instant::now();
    let compiled = compile(engine, bytes);
    // Other compilations have the same threads, so the processor time of one is not known.
    if let Some(payer) = payer {
        payer.count_compilation(began.elapsed());
    }
    compiled
}

/// What starts a child process.
enum Starter {
    Program(PathBuf),
    Launcher(CompilerLauncher),
}

impl Starter {
    fn start(&self, work: Work, files: CompilerFiles) -> io::Result<Running> {
        match self {
            Self::Program(program) => running::spawn(program, work, files).map(Running::child),
            Self::Launcher(launcher) => launcher.launch(work, files),
        }
    }

    fn program(&self) -> &Path {
        match self {
            Self::Program(program) => program,
            Self::Launcher(_) => Path::new(launcher::PROGRAM),
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

/// Runs a child process with the parts of its input, and returns its reply. Its processor time counts for `payer`.
async fn run_in_child<R: ChildError>(
    starter: Starter,
    work: Work,
    input: Vec<Vec<u8>>,
    payer: Option<Arc<Tenant>>,
) -> Result<Vec<u8>, R> {
    let started = blocking(move || {
        Process::start(&starter, work, &input)
            .map_err(|error| R::failed(format!("cannot start its compiler {}: {error}", starter.program().display())))
    });
    let (process, stdout) = started.await?;
    let reaped = process.0.clone();
    let ended = blocking(move || {
        let (reply, ended) = (read_reply(stdout), reaped.reap());
        // Here, because this thread goes on when the future is dropped.
        if let (Some(payer), Ok(ended)) = (payer, &ended) {
            payer.count_compilation(ended.cpu);
        }
        Ok((reply, ended.map(|ended| ended.status)))
    });
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
struct Process(Arc<Running>, File);

impl Process {
    /// Starts a process with this input. Its reply comes through the returned pipe.
    fn start(starter: &Starter, work: Work, parts: &[Vec<u8>]) -> io::Result<(Self, PipeReader)> {
        let mut input = anonymous_file()?;
        for part in parts {
            input.write_all(part)?;
        }
        input.rewind()?;
        let stderr = anonymous_file()?;
        let (reply, output) = io::pipe()?;
        let files = CompilerFiles { input: input.into(), output: output.into(), errors: stderr.try_clone()?.into() };
        let running = starter.start(work, files)?;
        Ok((Self(Arc::new(running), stderr), reply))
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
        self.0.kill();
    }
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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn each_way_to_exit_without_a_reply_is_explained() {
        for (raw, stderr, says) in [
            (
                libc::SIGABRT,
                "memory allocation of 4096 bytes failed",
                "that takes more than 1024 MiB of memory: build it",
            ),
            (
                libc::SIGABRT,
                "thread 'main' has overflowed its stack",
                "overflowed the stack, because the component is nested",
            ),
            (libc::SIGXCPU, "", "that takes more than 120 s of processor time: build it"),
            (libc::SIGKILL, "", "was killed by signal 9"),
            (3 << 8, "", "exited with exit status: 3 and no reply"),
        ] {
            let said = describe_exit(ExitStatus::from_raw(raw), stderr);
            assert!(said.contains(says), "{said}");
        }
    }

    async fn pass_time() {
        loop {
            tokio::time::advance(MAX_TIME).await;
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_compiler_that_does_not_end_is_killed_at_its_time_limit() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("compiler");
        // Another process writes the file. While this one had it open, a child of another test could inherit it, and a file
        // that is open for writing cannot be executed.
        let write = "printf '#!/bin/sh\\nexec /bin/sleep 1000\\n' > \"$0\" && chmod 700 \"$0\"";
        assert!(Command::new("sh").args(["-c", write]).arg(&program).status().unwrap().success());
        let run = run_in_child::<NotCompiled>(Starter::Program(program), Work::Compile, vec![Vec::new()], None);
        let result = tokio::select! {
            result = run => result,
            () = pass_time() => unreachable!("time passes until the compiler is killed"),
        };
        let Err(NotCompiled::Failed(why)) = result else { panic!("{result:?}") };
        assert!(why.starts_with("that takes longer than 60 s: "), "{why}");
    }
}
