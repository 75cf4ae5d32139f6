//! Builds a workspace's guests as components.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::cargo;

/// The target for which rustc writes components; for `wasm32-unknown-unknown` it writes core modules.
const TARGET: &str = "wasm32-wasip2";

/// A built component.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Guest {
    /// The name of the package, or of the example if the library is one.
    pub name: String,
    /// The path of the component.
    pub path: PathBuf,
}

/// Builds every `cdylib` of the workspace at `workspace_dir`, libraries and examples; returns them by name.
///
/// Can be called from a build script or a test, because the inner cargo gets no variables of the outer one. `target_dir` must
/// not be the target directory that the outer cargo has locked. Compiler messages go to standard error.
pub fn build(workspace_dir: &Path, target_dir: &Path) -> Result<Vec<Guest>> {
    ensure_target(workspace_dir)?;
    let arguments = ["build", "--release", "--workspace", "--lib", "--examples", "--target", TARGET];
    let output = cargo::clean("cargo", workspace_dir)
        .args(arguments)
        .args(["--message-format", "json-render-diagnostics", "--target-dir"])
        .arg(std::path::absolute(target_dir)?)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!(
            "the guests in {} do not build; see above, or run there: cargo {}",
            workspace_dir.display(),
            arguments.join(" ")
        );
    }
    let messages = String::from_utf8(output.stdout).context("cargo wrote something that is no text")?;
    let mut guests = messages.lines().filter_map(|line| read_guest(line).transpose()).collect::<Result<Vec<_>>>()?;
    guests.sort();
    if let Some(pair) = guests.windows(2).find(|pair| pair[0].name == pair[1].name) {
        bail!("two guests are named `{}`: {} and {}", pair[0].name, pair[0].path.display(), pair[1].path.display());
    }
    Ok(guests)
}

/// Installs the target for components unless it is installed.
pub(crate) fn ensure_target(directory: &Path) -> Result<()> {
    if target_dir(directory)?.is_dir() {
        return Ok(());
    }
    let remedy = format!("install it with: rustup target add {TARGET}");
    let installed =
        cargo::clean("rustup", directory).args(["target", "add", TARGET]).stdout(Stdio::null()).status().with_context(
            || format!("the Rust target {TARGET} is missing and there is no rustup to add it; {remedy}"),
        )?;
    ensure!(installed.success(), "the Rust target {TARGET} is missing and could not be added; {remedy}");
    ensure!(target_dir(directory)?.is_dir(), "rustup has added {TARGET}, but not to the rustc in use; {remedy}");
    Ok(())
}

/// Returns where the rustc that is used in `directory` has the target's standard library.
fn target_dir(directory: &Path) -> Result<PathBuf> {
    let mut rustc = cargo::clean("rustc", directory);
    let sysroot = text(rustc.args(["--print", "sysroot"])).context("cannot ask rustc where its libraries are")?;
    Ok(Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).join("lib"))
}

fn text(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "it ended with {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// A message of cargo; messages with other reasons have only `reason`.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    target: Option<Artifact>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Artifact {
    name: String,
    kind: Vec<String>,
    crate_types: Vec<String>,
}

fn read_guest(line: &str) -> Result<Option<Guest>> {
    let message: Message = serde_json::from_str(line).with_context(|| format!("cargo wrote no message: {line}"))?;
    let Some(target) = message.target.filter(|_| message.reason == "compiler-artifact") else { return Ok(None) };
    if !target.crate_types.iter().any(|kind| kind == "cdylib") {
        return Ok(None);
    }
    let is_example = target.kind.iter().any(|kind| kind == "example");
    let name = if is_example { target.name } else { package_name(&message.package_id).to_owned() };
    let path = message.filenames.into_iter().find(|file| file.extension().is_some_and(|kind| kind == "wasm"));
    Ok(path.map(|path| Guest { name, path }))
}

/// Returns the name in a package id: `path+file:///plugins/hello#0.1.0` or `path+file:///plugins/hi#hello@0.1.0`.
fn package_name(id: &str) -> &str {
    let (address, version) = id.rsplit_once('#').unwrap_or((id, ""));
    match version.split_once('@') {
        Some((name, _)) => name,
        None => address.rsplit('/').next().unwrap_or(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_id_names_its_package() {
        assert_eq!(package_name("path+file:///work/plugins/hello-world#0.1.0"), "hello-world");
        assert_eq!(package_name("path+file:///work/plugins/hi#hello-world@0.1.0"), "hello-world");
    }

    #[test]
    fn only_a_cdylib_is_a_guest() {
        let line = |kind: &str, file: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"path+file:///w/mail-send#0.1.0","filenames":["{file}"],
                "target":{{"name":"mail_send","kind":["{kind}"],"crate_types":["{kind}"]}}}}"#
            )
        };
        let guest = read_guest(&line("cdylib", "/t/mail_send.wasm")).unwrap();
        assert_eq!(guest, Some(Guest { name: "mail-send".into(), path: "/t/mail_send.wasm".into() }));
        assert_eq!(read_guest(&line("lib", "/t/libmail_send.rlib")).unwrap(), None);
        assert_eq!(read_guest(r#"{"reason":"build-finished","success":true}"#).unwrap(), None);
    }
}
