//! The child process that compiles or encodes. It reads its input from standard input and writes its reply to standard
//! output; in between it can only compute.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::compile::{MAX_CODE, compile};
use super::confinement;
use super::encode::{encode, read_request};
use super::launcher;
use crate::config::base_config;
use crate::invalid_bytes::MAX_BYTES;

/// What a child process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Compiles a component to native code.
    Compile,
    /// Encodes a core module as a component.
    Encode,
}

impl Work {
    /// Everything that a child process does.
    pub(crate) const ALL: [Self; 2] = [Self::Compile, Self::Encode];

    /// Returns the argument that runs the program for this.
    pub(crate) fn argument(self) -> &'static str {
        match self {
            Self::Compile => "compile-plugin-from-stdin",
            Self::Encode => "encode-component-from-stdin",
        }
    }
}

/// Maximum processor time of all its threads.
pub(crate) const MAX_CPU: Duration = Duration::from_secs(120);

/// First byte of a reply: the kind of its content.
const RESULT: u8 = 0;
const REFUSAL: u8 = 1;

/// Maximum length of a refusal.
const MAX_REFUSAL: u64 = 64 << 10;

/// Runs the compiler if this process was started as one ([`Compiler::Process`](crate::Compiler)), or starts compilers if it
/// was started for that ([`CompilerLauncher`](crate::CompilerLauncher)), and then returns its exit code.
/// Call it first in `main`, with the arguments of the process, before there are other threads.
pub fn compile_if_asked(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Option<ExitCode> {
    let argument = arguments.into_iter().nth(1)?;
    if argument == launcher::ARGUMENT {
        return Some(exit_code(launcher::run()));
    }
    let work = Work::ALL.into_iter().find(|work| argument == work.argument())?;
    Some(exit_code(confinement::confine().and_then(|()| run(work))))
}

fn exit_code(done: io::Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(work: Work) -> io::Result<()> {
    exit_with_the_host()?;
    let mut input = io::stdin().lock();
    match work {
        Work::Compile => {
            let mut bytes = Vec::new();
            input.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
            let engine =
                wasmtime::Engine::new(&base_config()).map_err(|error| io::Error::other(format!("{error:#}")))?;
            reply(compile(&engine, &bytes))
        }
        Work::Encode => reply(encode(&read_request(&mut input)?)),
    }
}

fn reply(done: Result<Vec<u8>, impl Serialize>) -> io::Result<()> {
    let (kind, content) = match done {
        Ok(result) => (RESULT, result),
        Err(refusal) => (REFUSAL, serde_json::to_vec(&refusal)?),
    };
    let mut out = io::stdout().lock();
    out.write_all(&[kind])?;
    out.write_all(&(content.len() as u64).to_le_bytes())?;
    out.write_all(&content)?;
    out.flush()
}

/// Exits this process when the host has died or has closed the pipe for the reply.
fn exit_with_the_host() -> io::Result<()> {
    let watch = || {
        let out = io::stdout();
        let mut hung_up = [rustix::event::PollFd::new(&out, rustix::event::PollFlags::empty())];
        while rustix::event::poll(&mut hung_up, None).is_err() {}
        std::process::exit(1);
    };
    std::thread::Builder::new().name("host watch".to_owned()).spawn(watch).map(drop)
}

/// Reads a reply to its end: the result, or the refusal. Returns `None` if it is truncated, longer than announced, or
/// invalid.
pub(crate) fn read_reply<R: DeserializeOwned>(mut from: impl Read) -> Option<Result<Vec<u8>, R>> {
    let mut head = [0; 9];
    from.read_exact(&mut head).ok()?;
    let [kind, length @ ..] = head;
    let length = u64::from_le_bytes(length);
    let most = if kind == RESULT { MAX_CODE } else { MAX_REFUSAL };
    let length = usize::try_from(length).ok().filter(|_| length <= most)?;
    let mut content = Vec::with_capacity(length);
    from.take(length as u64 + 1).read_to_end(&mut content).ok()?;
    if content.len() != length {
        return None;
    }
    match kind {
        RESULT => Some(Ok(content)),
        REFUSAL => serde_json::from_slice(&content).ok().map(Err),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::compile::NotCompiled;
    use super::*;

    fn read(kind: u8, length: u64, content: &[u8]) -> Option<Result<Vec<u8>, NotCompiled>> {
        let bytes = [&[kind], &length.to_le_bytes()[..], content].concat();
        read_reply(&*bytes)
    }

    #[test]
    fn incomplete_and_oversized_replies_are_refused() {
        assert_eq!(read(RESULT, 3, b"abc"), Some(Ok(b"abc".to_vec())));
        let refusal = serde_json::to_vec(&NotCompiled::Failed("no".to_owned())).unwrap();
        assert_eq!(read(REFUSAL, refusal.len() as u64, &refusal), Some(Err(NotCompiled::Failed("no".to_owned()))));
        assert_eq!(read(RESULT, 4, b"abc"), None, "truncated");
        assert_eq!(read(RESULT, 2, b"abc"), None, "longer than announced");
        assert_eq!(read(RESULT, MAX_CODE + 1, b"abc"), None, "above the limit");
        assert_eq!(read(REFUSAL, MAX_REFUSAL + 1, b"{}"), None);
        assert_eq!(read(REFUSAL, 2, b"{}"), None);
        assert_eq!(read(7, 0, b""), None);
        assert_eq!(read_reply::<NotCompiled>(&b""[..]), None);
    }
}
