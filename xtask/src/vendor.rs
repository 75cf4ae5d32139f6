//! Vendors a package of npm for the dashboard: its files, byte for byte, with their digests and the licence. It is the only
//! command that needs npm for the dashboard; building and using it takes none.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::examples;

const LIST: &str = "host/crates/dashboard/VENDOR.toml";
const FILES: &str = "host/crates/dashboard/assets/vendor";
const LICENCES: &str = "host/crates/dashboard/assets/vendor/LICENSES.txt";

/// Replaces the files of a package that is listed in `VENDOR.toml` by those of another version, and updates its entry.
pub fn run(name: &str, version: &str) -> Result<()> {
    let root = examples::root();
    let list = fs::read_to_string(root.join(LIST)).with_context(|| format!("cannot read {LIST}"))?;
    let (before, entry, after) = entry(&list, name).with_context(|| {
        format!("{LIST} has no package `{name}`; write its entry with the files that it needs first")
    })?;
    let package = format!("{name}@{version}");
    let scratch = std::env::temp_dir().join(format!("saggar-vendor-{}", std::process::id()));
    fs::create_dir_all(&scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
    let archive = printed("npm", ["pack", "--silent", package.as_str()], &scratch)?;
    let archive = archive.lines().last().context("npm has packed nothing")?.to_owned();
    let field = |field: &str| printed("npm", ["view", package.as_str(), field], &scratch);
    let (integrity, url, licence) = (field("dist.integrity")?, field("dist.tarball")?, field("license")?);
    let digest = printed("sha512sum", [archive.as_str()], &scratch)?;
    let digest = digest.split(' ').next().and_then(bytes).context("sha512sum has printed no digest")?;
    let found = format!("sha512-{}", base64(&digest));
    ensure!(found == integrity, "the archive is {found}, and the registry says {integrity}");
    printed("tar", ["-xzf", archive.as_str()], &scratch)?;
    let unpacked = scratch.join("package");
    let mut text = entry.to_owned();
    for (key, value) in [("version", version), ("licence", &licence), ("url", &url), ("integrity", &integrity)] {
        text = with_value(&text, key, value)?;
    }
    let text = with_files(&text, |from, to| {
        let source = unpacked.join(from);
        let target = root.join(FILES).join(to);
        fs::copy(&source, &target).with_context(|| format!("cannot copy {} to {to}", source.display()))?;
        let digest = printed("sha256sum", [target.as_os_str()], &scratch)?;
        Ok(digest.split(' ').next().unwrap_or_default().to_owned())
    })?;
    let licence = fs::read_to_string(unpacked.join("LICENSE")).context("the package has no file LICENSE")?;
    let licences = fs::read_to_string(root.join(LICENCES)).with_context(|| format!("cannot read {LICENCES}"))?;
    fs::write(root.join(LICENCES), with_licence(&licences, name, version, &licence))?;
    fs::write(root.join(LIST), format!("{before}{text}{after}"))?;
    fs::remove_dir_all(&scratch).with_context(|| format!("cannot remove {}", scratch.display()))
}

/// Returns the entry of a package in the list, with what is before and after it.
fn entry<'a>(list: &'a str, name: &str) -> Option<(&'a str, &'a str, &'a str)> {
    const HEAD: &str = "[[package]]\n";
    let begin = list.find(&format!("{HEAD}name = \"{name}\"\n"))?;
    let rest = &list[begin + HEAD.len()..];
    let end = rest.find(HEAD).map_or(list.len(), |at| begin + HEAD.len() + at);
    Some((&list[..begin], &list[begin..end], &list[end..]))
}

/// Replaces the value of a key.
fn with_value(entry: &str, key: &str, value: &str) -> Result<String> {
    let head = format!("\n{key} = \"");
    let (before, after) = entry.split_once(&head).with_context(|| format!("the entry has no `{key}`"))?;
    let (_, after) = after.split_once('"').context("a value has no end")?;
    Ok(format!("{before}{head}{value}\"{after}"))
}

/// Replaces the digest of each file by that of its copy, which `copy` makes from a file of the package.
fn with_files(entry: &str, mut copy: impl FnMut(&str, &str) -> Result<String>) -> Result<String> {
    let mut blocks = entry.split("[[package.file]]");
    let mut text = blocks.next().unwrap_or_default().to_owned();
    for block in blocks {
        let value = |key: &str| {
            let (_, after) = block.split_once(&format!("\n{key} = \""))?;
            Some(after.split_once('"')?.0)
        };
        let (Some(from), Some(to)) = (value("from"), value("to")) else { bail!("a file without `from` or `to`") };
        text.push_str("[[package.file]]");
        text.push_str(&with_value(block, "sha256", &copy(from, to)?)?);
    }
    Ok(text)
}

/// Replaces the licence of a package, whatever its version, or adds it.
fn with_licence(licences: &str, name: &str, version: &str, text: &str) -> String {
    let section = format!("==== {name}-{version} ====\n\n{text}\n");
    let head = format!("==== {name}-");
    let Some(begin) = licences.find(&head) else { return format!("{licences}{section}") };
    let rest = &licences[begin + head.len()..];
    let end = rest.find("\n==== ").map_or(licences.len(), |at| begin + head.len() + at + 1);
    format!("{}{section}{}", &licences[..begin], &licences[end..])
}

/// Runs a program in a folder; returns what it prints.
fn printed<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>, folder: &Path) -> Result<String> {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    let output = output.with_context(|| format!("cannot start {program}"))?;
    ensure!(output.status.success(), "{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Reads bytes in hexadecimal.
fn bytes(text: &str) -> Option<Vec<u8>> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().enumerate().fold(0u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# why\n[[package]]\nname = \"a\"\nversion = \"1\"\n\n[[package.file]]\nfrom = \"d/a.js\"\n\
                        to = \"a.js\"\nsha256 = \"00\"\n\n[[package]]\nname = \"b\"\nversion = \"2\"\n";

    #[test]
    fn an_entry_is_replaced_and_the_others_stay() {
        let (before, found, after) = entry(LIST, "a").unwrap();
        assert_eq!((before, after), ("# why\n", "[[package]]\nname = \"b\"\nversion = \"2\"\n"));
        let text = with_value(found, "version", "1.1").unwrap();
        let text = with_files(&text, |from, to| Ok(format!("{from}>{to}"))).unwrap();
        assert_eq!(text, found.replace("\"1\"", "\"1.1\"").replace("\"00\"", "\"d/a.js>a.js\""));
        assert!(entry(LIST, "c").is_none());
        assert!(with_value(found, "url", "").is_err());
    }

    #[test]
    fn a_licence_is_replaced_or_added() {
        let both = "==== a-1 ====\n\nold\n\n==== b-2 ====\n\ntext\n\n";
        assert_eq!(with_licence(both, "a", "2", "new\n"), both.replace("a-1", "a-2").replace("old", "new"));
        assert_eq!(with_licence(both, "c", "1", "new\n"), format!("{both}==== c-1 ====\n\nnew\n\n"));
    }

    #[test]
    fn digests_are_written_as_npm_does() {
        assert_eq!(bytes("00ff1").as_deref(), None);
        assert_eq!(base64(&bytes("4d616e").unwrap()), "TWFu");
        assert_eq!(base64(b"Ma"), "TWE=");
    }
}
