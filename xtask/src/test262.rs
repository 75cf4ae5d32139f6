//! Fetches test262, the test suite of JavaScript itself, from the source package of an engine that contains it: none of the
//! registries has it alone. The repository contains no part of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::tools;

/// The source package of Debian's, and the release that has it.
const PACKAGE: &str = "mozjs128";
const RELEASE: &str = "trixie";

/// The path of the suite in the package, below a folder with the version in its name; and the parts that are unpacked.
const FOLDER: &str = "js/src/tests/test262";
const PARTS: [&str; 6] = ["GIT-INFO", "LICENSE", "shell.js", "annexB", "built-ins", "language"];

/// The checksum of all files with their names. Later versions of the package may have the same suite.
const CHECKSUM: &str = "c5ddda64b607f2746fc95508bf7e71b265c6d774358e2e4fdcfaab84854cdcce";

/// The keys that Debian signs with.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Written last, with the checksum of what is unpacked.
const STAMP: &str = "checksum";

/// Returns the folder with the suite, which is in this one; fetches it (150 MB) unless it is there.
pub(crate) fn fetch(work: &Path) -> Result<PathBuf> {
    let work = work.join("test262");
    let suite = work.join("test262");
    if fs::read_to_string(work.join(STAMP)).is_ok_and(|checksum| checksum == CHECKSUM) {
        return Ok(suite);
    }
    eprintln!("Fetching test262 in Debian's source package {PACKAGE} (150 MB)");
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("cannot remove {}", work.display()))?;
    }
    for folder in ["lists/partial", "cache/archives/partial", "package"] {
        fs::create_dir_all(work.join(folder)).with_context(|| format!("cannot make {}/{folder}", work.display()))?;
    }
    let package = download(&work).context(
        "test262 cannot be fetched; this takes apt-get, the mirror that it is configured for, and the keyring of Debian's archive \
         (package debian-archive-keyring)",
    )?;
    unpack(&package, &work)?;
    let checksum = checksum(&suite)?;
    ensure!(
        checksum == CHECKSUM,
        "{PACKAGE} has another test262, with the checksum {checksum}: look at {}/GIT-INFO, set the checksum in \
         xtask/src/test262.rs, and run `cargo xtask script-runner --test262 --accept`",
        suite.display()
    );
    // What the suite was unpacked from is not needed again.
    for folder in ["lists", "cache", "package"] {
        fs::remove_dir_all(work.join(folder)).with_context(|| format!("cannot remove {}/{folder}", work.display()))?;
    }
    fs::write(work.join(STAMP), CHECKSUM).with_context(|| format!("cannot write {}/{STAMP}", work.display()))?;
    Ok(suite)
}

/// Downloads the package with apt, whose own lists and sources stay as they are. Returns the file with the sources.
fn download(work: &Path) -> Result<PathBuf> {
    let sources = work.join("sources.list");
    let text = format!("deb-src [signed-by={KEYS}] {} {RELEASE} main\n", mirror()?);
    fs::write(&sources, text).with_context(|| format!("cannot write {}", sources.display()))?;
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        for (option, value) in [
            ("Dir::Etc::sourcelist", sources.as_path()),
            ("Dir::Etc::sourceparts", Path::new("/dev/null")),
            ("Dir::State::lists", &work.join("lists")),
            ("Dir::Cache", &work.join("cache")),
        ] {
            apt.arg("-o").arg(format!("{option}={}", value.display()));
        }
        // Else root's apt changes to a user that may have no rights in the target directory.
        apt.args(["-o", "APT::Sandbox::User=", "-qq"]).args(arguments).current_dir(work.join("package"));
        tools::run(&mut apt)
    };
    apt(&["update"])?;
    apt(&["source", "--download-only", PACKAGE])?;
    let files = fs::read_dir(work.join("package"))?.collect::<std::io::Result<Vec<_>>>()?;
    let orig = files.into_iter().map(|file| file.path()).find(|path| path.to_string_lossy().contains(".orig.tar."));
    orig.context("the package has no `.orig.tar` file")
}

/// Returns the mirror of Debian's archive that this machine uses.
fn mirror() -> Result<String> {
    let mut list = Command::new("apt-get");
    list.args(["indextargets", "--no-release-info", "--format", "$(REPO_URI)"]);
    let output = list.output().context("cannot start apt-get")?;
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let Some(mirror) = output.lines().find(|line| line.trim_end_matches('/').ends_with("/debian")) else {
        bail!("apt-get knows no mirror of Debian's archive; its sources are:\n{output}");
    };
    Ok(mirror.to_owned())
}

fn unpack(package: &Path, work: &Path) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.arg("-xf").arg(package).arg("-C").arg(work);
    // The name of the package's folder and those above the suite.
    tar.arg(format!("--strip-components={}", FOLDER.split('/').count()));
    tar.arg("--wildcards").args(PARTS.map(|part| format!("*/{FOLDER}/{part}")));
    tools::run(&mut tar).context("test262 cannot be unpacked; this takes tar and xz")
}

fn checksum(folder: &Path) -> Result<String> {
    let script = "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum";
    let output = Command::new("sh").args(["-c", script]).current_dir(folder).output().context("cannot start sh")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let checksum = text.split(' ').next().filter(|it| it.len() == CHECKSUM.len());
    Ok(checksum.with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?.to_owned())
}
