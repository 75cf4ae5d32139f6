//! What is installed and built already, and the commands that install and build.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

/// Marks what is installed: a copy of the requirements, written last.
pub(super) const STAMP: &str = "installed";

pub(super) fn is_installed(wanted: &Path, folder: &Path) -> Result<bool> {
    let wanted_text = fs::read(wanted).with_context(|| format!("cannot read {}", wanted.display()))?;
    Ok(fs::read(folder.join(STAMP)).is_ok_and(|installed| installed == wanted_text))
}

pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display())).map(drop)
}

/// Copies the files of a folder, but not its folders.
pub(super) fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let path = entry?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            copy(&path, &to.join(name))?;
        }
    }
    Ok(())
}

/// Returns whether the file is newer than all of these files and the content of these folders.
pub(super) fn is_newer(output: &Path, inputs: &[&Path]) -> Result<bool> {
    let Ok(metadata) = fs::metadata(output) else { return Ok(false) };
    let built = metadata.modified()?;
    for input in inputs {
        if last_change(input)? >= built {
            return Ok(false);
        }
    }
    Ok(true)
}

fn last_change(path: &Path) -> Result<SystemTime> {
    let metadata = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut last = metadata.modified()?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            last = last.max(last_change(&entry?.path())?);
        }
    }
    Ok(last)
}

/// Runs a command; the error contains its output.
pub(super) fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {program}"))?;
    if !output.status.success() {
        let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        bail!("`{program} {}` ended with {}:\n{}", arguments.join(" "), output.status, said.trim_end());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("saggar-languages-{}-{name}", std::process::id()));
        fs::create_dir_all(folder.join("sources/deep")).unwrap();
        folder
    }

    fn change(path: &Path, seconds: u64) {
        let file = fs::File::create(path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }

    #[test]
    fn a_guest_is_built_again_when_a_source_changed() {
        let folder = folder("newer");
        let (output, source) = (folder.join("out.wasm"), folder.join("sources/deep/a.js"));
        assert!(!is_newer(&output, &[]).unwrap(), "there is no output");
        change(&source, 100);
        change(&output, 200);
        assert!(is_newer(&output, &[&source]).unwrap());
        change(&source, 300);
        assert!(!is_newer(&output, &[&source]).unwrap());
        assert!(!is_newer(&output, &[&folder.join("sources")]).unwrap(), "folders are searched");
        assert!(is_newer(&output, &[&folder.join("gone")]).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_installed_is_known_by_what_asked_for_it() {
        let folder = folder("installed");
        let wanted = folder.join("requirements.txt");
        fs::write(&wanted, "a==1\n").unwrap();
        assert!(!is_installed(&wanted, &folder).unwrap());
        fs::write(folder.join(STAMP), "a==1\n").unwrap();
        assert!(is_installed(&wanted, &folder).unwrap());
        fs::write(&wanted, "a==2\n").unwrap();
        assert!(!is_installed(&wanted, &folder).unwrap());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_command_that_fails_says_what_it_wrote() {
        let error = run(Command::new("sh").args(["-c", "echo said; exit 3"])).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.ends_with("said"), "{error}");
        assert!(run(&mut Command::new("no-such-program")).unwrap_err().to_string().contains("cannot start"));
    }
}
