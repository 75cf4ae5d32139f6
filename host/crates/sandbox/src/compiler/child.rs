//! The child process that compiles. It reads a component from standard input and writes its reply to standard output;
//! in between it can only compute.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use super::compile::{MAX_CODE, NotCompiled, compile};
use super::confinement;
use crate::config::base_config;
use crate::invalid_bytes::MAX_BYTES;

/// The argument that runs the program as the compiler.
pub(crate) const COMMAND: &str = "compile-plugin-from-stdin";

/// Maximum processor time of all its threads.
pub(crate) const MAX_CPU: Duration = Duration::from_secs(120);

/// First byte of a reply: the kind of its content.
const CODE: u8 = 0;
const REFUSAL: u8 = 1;

/// Maximum length of a refusal.
const MAX_REFUSAL: u64 = 64 << 10;

/// Runs the compiler if this process was started as one ([`Compiler::Process`](crate::Compiler)), and then returns its
/// exit code. Call it first in `main`, with the arguments of the process, before there are other threads.
pub fn compile_if_asked(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Option<ExitCode> {
    (arguments.into_iter().nth(1)? == COMMAND).then(|| match confinement::confine().and_then(|()| reply()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    })
}

fn reply() -> io::Result<()> {
    exit_with_the_host()?;
    let mut bytes = Vec::new();
    io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    let engine = wasmtime::Engine::new(&base_config()).map_err(|error| io::Error::other(format!("{error:#}")))?;
    let (kind, content) = match compile(&engine, &bytes) {
        Ok(code) => (CODE, code),
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

/// A complete reply.
pub(crate) enum CompilerReply {
    Code(Vec<u8>),
    NotCompiled(NotCompiled),
}

impl CompilerReply {
    /// Reads a reply to its end. Returns `None` if it is truncated, longer than announced, or invalid.
    pub(crate) fn read(mut from: impl Read) -> Option<Self> {
        let mut head = [0; 9];
        from.read_exact(&mut head).ok()?;
        let [kind, length @ ..] = head;
        let length = u64::from_le_bytes(length);
        let most = if kind == CODE { MAX_CODE } else { MAX_REFUSAL };
        let length = usize::try_from(length).ok().filter(|_| length <= most)?;
        let mut content = Vec::with_capacity(length);
        from.take(length as u64 + 1).read_to_end(&mut content).ok()?;
        if content.len() != length {
            return None;
        }
        match kind {
            CODE => Some(Self::Code(content)),
            REFUSAL => serde_json::from_slice(&content).ok().map(Self::NotCompiled),
            _ => None,
        }
    }

    pub(crate) fn into_code(self) -> Result<Vec<u8>, NotCompiled> {
        match self {
            Self::Code(code) => Ok(code),
            Self::NotCompiled(refusal) => Err(refusal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: u8, length: u64, content: &[u8]) -> Option<Result<Vec<u8>, NotCompiled>> {
        let bytes = [&[kind], &length.to_le_bytes()[..], content].concat();
        CompilerReply::read(&*bytes).map(CompilerReply::into_code)
    }

    #[test]
    fn incomplete_and_oversized_replies_are_refused() {
        assert_eq!(read(CODE, 3, b"abc"), Some(Ok(b"abc".to_vec())));
        let refusal = serde_json::to_vec(&NotCompiled::Failed("no".to_owned())).unwrap();
        assert_eq!(read(REFUSAL, refusal.len() as u64, &refusal), Some(Err(NotCompiled::Failed("no".to_owned()))));
        assert_eq!(read(CODE, 4, b"abc"), None, "truncated");
        assert_eq!(read(CODE, 2, b"abc"), None, "longer than announced");
        assert_eq!(read(CODE, MAX_CODE + 1, b"abc"), None, "above the limit");
        assert_eq!(read(REFUSAL, MAX_REFUSAL + 1, b"{}"), None);
        assert_eq!(read(REFUSAL, 2, b"{}"), None);
        assert_eq!(read(7, 0, b""), None);
        assert!(CompilerReply::read(&b""[..]).is_none());
    }
}
