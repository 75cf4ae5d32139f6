//! Where the values of secrets come from: files, variables of the environment, and programs. Read when a host starts, and
//! again when it reloads.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use saggar_grant::{SecretGrant, SecretSource};
use thiserror::Error;

use crate::redaction::MIN_BYTES;
use crate::secrets::Secrets;

/// Maximum bytes of a value.
const MAX_BYTES: usize = 8 << 10;

/// How long a program may take to print a value.
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a secret has no value. Never contains anything of the value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the secret `{name}` cannot be used: {why}")]
pub struct SecretError {
    /// The secret.
    pub name: String,
    /// What is wrong and what to do, without a full stop.
    pub why: String,
}

/// Reads the values of all secrets. Blocks; programs may take seconds. `variable` returns a variable of the environment, and
/// `program` what a program prints, such as [`run_program`]. Returns the secrets that can be used, and why the others cannot.
pub fn read_secrets(
    grants: &[SecretGrant],
    variable: impl Fn(&str) -> Option<String>,
    program: impl Fn(&[String]) -> Result<Vec<u8>, String>,
) -> (Secrets, Vec<SecretError>) {
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for grant in grants {
        match read(&grant.source, &variable, &program).and_then(checked) {
            Ok(value) => values.push((grant.clone(), value)),
            Err(why) => errors.push(SecretError { name: grant.name.clone(), why }),
        }
    }
    (Secrets::new(values), errors)
}

fn read(
    source: &SecretSource,
    variable: impl Fn(&str) -> Option<String>,
    program: impl Fn(&[String]) -> Result<Vec<u8>, String>,
) -> Result<Vec<u8>, String> {
    match source {
        SecretSource::File(path) => {
            read_file(path).map_err(|error| format!("the file {} cannot be read: {error}", path.display()))
        }
        SecretSource::Env(name) => {
            let value = variable(name).map(String::into_bytes);
            value.ok_or_else(|| format!("the variable `{name}` is not set in the environment of the host"))
        }
        SecretSource::Command(line) => program(line),
    }
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    limited(File::open(path)?)
}

/// Reads at most one byte more than a value may have.
fn limited(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // Two more for a line break, and one by which a longer text is recognized.
    source.take(MAX_BYTES as u64 + 3).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Runs a program and returns what it prints. Its standard error is the host's: it may say there what is wrong. Blocks, for
/// ten seconds at most.
pub fn run_program(line: &[String]) -> Result<Vec<u8>, String> {
    let Some((program, arguments)) = line.split_first() else { return Err("its command is empty".to_owned()) };
    let started = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = started.map_err(|error| format!("the program `{program}` cannot be started: {error}"))?;
    let printed = output(&mut child);
    // It may wait for somebody who reads the rest of its output.
    if !printed.as_ref().is_ok_and(|bytes| bytes.len() <= MAX_BYTES) {
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| format!("the program `{program}` was lost: {error}"))?;
    let printed = printed.map_err(|why| format!("the program `{program}` {why}"))?;
    if status.success() || printed.len() > MAX_BYTES {
        Ok(printed)
    } else {
        Err(format!("the program `{program}` failed: {status}"))
    }
}

fn output(child: &mut Child) -> Result<Vec<u8>, String> {
    let Some(pipe) = child.stdout.take() else { return Err("has no output".to_owned()) };
    let (send, receive) = mpsc::channel();
    // Ends with the pipe, which the end of the program closes.
    let reader = std::thread::Builder::new().name("secret".into()).spawn(move || send.send(limited(pipe)));
    let reader = reader.map_err(|error| format!("cannot be waited for: {error}"))?;
    let Ok(printed) = receive.recv_timeout(PROGRAM_TIMEOUT) else {
        return Err(format!("took longer than {} s", PROGRAM_TIMEOUT.as_secs()));
    };
    // A process that confines itself next has no other thread.
    let _ = reader.join();
    printed.map_err(|error| format!("printed something that cannot be read: {error}"))
}

/// Removes the line break at the end, and checks that a header can have the value.
fn checked(mut bytes: Vec<u8>) -> Result<String, String> {
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    if bytes.len() > MAX_BYTES {
        return Err(format!("its value is longer than {MAX_BYTES} bytes"));
    }
    if bytes.len() < MIN_BYTES {
        return Err(format!(
            "its value is shorter than {MIN_BYTES} bytes, so it could not be told apart from other text in responses"
        ));
    }
    let is_visible = bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    if !is_visible || bytes.starts_with(b" ") || bytes.ends_with(b" ") {
        return Err(
            "its value has characters that a header cannot have: it must be one line of visible ASCII".to_owned()
        );
    }
    String::from_utf8(bytes).map_err(|_| "its value is not text".to_owned())
}

#[cfg(test)]
mod tests {
    use saggar_grant::OriginPattern;

    use super::*;

    fn value(source: &SecretSource) -> Result<String, String> {
        let variable = |name: &str| (name == "KEY").then(|| "0123456789".to_owned());
        read(source, variable, run_program).and_then(checked)
    }

    fn command(line: &[&str]) -> SecretSource {
        SecretSource::Command(line.iter().map(|&word| word.to_owned()).collect())
    }

    #[test]
    fn a_value_comes_from_each_source() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        for text in ["0123456789", "0123456789\n", "0123456789\r\n"] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(value(&SecretSource::File(file.clone())), Ok("0123456789".into()));
        }
        assert_eq!(value(&SecretSource::Env("KEY".into())), Ok("0123456789".into()));
        assert_eq!(value(&command(&["printf", "%s\n", "0123456789"])), Ok("0123456789".into()));
    }

    #[test]
    fn what_is_wrong_is_named_without_the_value() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        let of_file = |text: &str| {
            std::fs::write(&file, text).unwrap();
            value(&SecretSource::File(file.clone())).expect_err("an invalid value")
        };
        let long = "x".repeat(9000);
        for (text, says) in [
            ("", "shorter than 8"),
            ("tiny", "shorter than 8"),
            ("two lines\nof text", "one line"),
            ("with a tab\t here", "one line"),
            (" begins with a blank", "one line"),
            ("größer als ASCII", "one line"),
            (long.as_str(), "longer than 8192"),
        ] {
            let why = of_file(text);
            assert!(why.contains(says) && (text.is_empty() || !why.contains(text)), "{text}: {why}");
        }
        let why = value(&SecretSource::File(dir.path().join("none"))).expect_err("no file");
        assert!(why.contains("none cannot be read"), "{why}");
        let why = value(&SecretSource::Env("OTHER".into())).expect_err("no variable");
        assert!(why.contains("`OTHER` is not set"), "{why}");
        let why = value(&command(&["false"])).expect_err("it fails");
        assert!(why.contains("`false` failed"), "{why}");
        let why = value(&command(&["/nonexistent/program"])).expect_err("no program");
        assert!(why.contains("cannot be started"), "{why}");
    }

    #[test]
    fn one_bad_secret_does_not_hide_the_others() {
        let grant = |name: &str, variable: &str| SecretGrant {
            name: name.into(),
            source: SecretSource::Env(variable.into()),
            origins: vec![OriginPattern::parse("https://a").unwrap()],
            header: "authorization".into(),
            signing: None,
        };
        let grants = [grant("good", "KEY"), grant("bad", "OTHER")];
        let (secrets, errors) =
            read_secrets(&grants, |name| (name == "KEY").then(|| "0123456789".to_owned()), run_program);
        assert_eq!(format!("{secrets:?}"), r#"["good"]"#);
        assert_eq!(errors.iter().map(|error| error.name.as_str()).collect::<Vec<_>>(), ["bad"]);
    }
}
