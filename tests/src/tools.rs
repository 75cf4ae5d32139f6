//! External programs that tests run. A test whose program is missing fails with a clear message; it is never skipped.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::guests;

/// Returns a program that `cargo xtask test` installs: from the target directory, or else from the `PATH`.
pub fn tool(name: &str) -> Command {
    let ours = Path::new(guests::TARGET_DIR).with_file_name("python").join("bin").join(name);
    let program = if ours.exists() { ours.into_os_string() } else { OsString::from(name) };
    let version = Command::new(&program).arg("--version").stdin(Stdio::null()).output();
    let works = version.as_ref().is_ok_and(|version| version.status.success());
    assert!(works, "`{name}` cannot be run ({version:?}); `cargo xtask test` installs it");
    let mut tool = Command::new(program);
    tool.stdin(Stdio::null());
    tool
}
