//! Restricts reads to regular files inside the app's directory. The rule applies to task files, plugins and
//! scripts.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

/// How a file is opened: NONBLOCK opens a pipe at once, NOCTTY does not make a terminal the controlling one, NOFOLLOW
/// rejects a link.
const OPENING: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// How a directory on the way to a file is opened. With DIRECTORY, NOFOLLOW rejects a link here, too.
const PASSING: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Resolves `relative` below `root`, a path without links. Follows a link to a file inside `root`. Rejects a link to a
/// directory, which could be a loop, and a link that leads out of `root`.
pub fn resolve_inside(root: &Path, relative: &Path) -> io::Result<PathBuf> {
    let mut directory = root.to_owned();
    let below = relative.parent().unwrap_or(Path::new("")).components().enumerate();
    for (depth, component) in below {
        directory.push(component);
        // The first component is `tasks`, `plugins` or `scripts` itself, which may be a link as long as it does not lead out.
        if depth > 0 && directory.is_symlink() {
            let shown = directory.strip_prefix(root).unwrap_or(&directory).display();
            return Err(io::Error::other(format!("`{shown}` is a link to a directory, which is not followed")));
        }
    }
    let target = root.join(relative).canonicalize()?;
    if !target.starts_with(root) {
        return Err(io::Error::other("a link leads out of the app's directory"));
    }
    Ok(target)
}

/// Reads at most `max` bytes of a regular file, and one more byte if the file is longer. Does not block on a pipe or a
/// device, and does not follow links.
pub fn read_regular_file(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    read_opened(&OpenOptions::new().read(true).custom_flags(OPENING.bits().cast_signed()).open(path)?, max)
}

/// Opens the file `relative` below `root`, a path without links; also returns its path. Rejects the same links as
/// [`resolve_inside`].
pub fn open_inside(root: &Path, relative: &Path) -> io::Result<(PathBuf, File)> {
    let path = resolve_inside(root, relative)?;
    let file = open_resolved(root, &path)?;
    Ok((path, file))
}

/// Opens a file that [`resolve_inside`] has found below `root`. Follows no link: the owner of the app may have put one in
/// the place of the file, or of a directory on the way to it, after the path was checked.
pub(crate) fn open_resolved(root: &Path, path: &Path) -> io::Result<File> {
    let below = path.strip_prefix(root).map_err(io::Error::other)?;
    let mut directory = openat(CWD, root, PASSING, Mode::empty())?;
    for component in below.parent().unwrap_or(Path::new("")) {
        directory = openat(&directory, component, PASSING, Mode::empty())?;
    }
    let name = below.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    Ok(openat(&directory, name, OFlags::RDONLY | OPENING, Mode::empty())?.into())
}

/// Like [`read_regular_file`], for a file that the caller has opened.
pub fn read_opened(file: &File, max: u64) -> io::Result<Vec<u8>> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn refusal(root: &Path, file: &str) -> String {
        resolve_inside(root, Path::new(file)).unwrap_err().to_string()
    }

    #[test]
    fn only_files_and_links_to_files_inside_the_app_are_resolved() {
        let (app, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = app.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("plugins/deep")).unwrap();
        std::fs::write(root.join("plugins/deep/a.wasm"), "a").unwrap();
        std::fs::write(elsewhere.path().join("b.wasm"), "b").unwrap();
        symlink("deep/a.wasm", root.join("plugins/link.wasm")).unwrap();
        symlink("deep", root.join("plugins/dir")).unwrap();
        symlink(".", root.join("plugins/deep/loop")).unwrap();
        symlink(elsewhere.path(), root.join("plugins/out")).unwrap();
        symlink(elsewhere.path().join("b.wasm"), root.join("plugins/b.wasm")).unwrap();
        symlink("c.wasm", root.join("plugins/c.wasm")).unwrap();
        let a = root.join("plugins/deep/a.wasm");
        assert_eq!(resolve_inside(&root, Path::new("plugins/deep/a.wasm")).unwrap(), a);
        assert_eq!(resolve_inside(&root, Path::new("plugins/link.wasm")).unwrap(), a);
        for linked in ["plugins/dir/a.wasm", "plugins/deep/loop/a.wasm", "plugins/out/b.wasm"] {
            assert!(refusal(&root, linked).contains("is a link to a directory"), "{linked}");
        }
        assert!(refusal(&root, "plugins/b.wasm").contains("leads out of the app"));
        assert!(refusal(&root, "plugins/c.wasm").contains("symbolic links"), "a link to itself");
    }

    #[test]
    fn a_top_directory_that_leads_out_is_refused() {
        let (app, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = app.path().canonicalize().unwrap();
        std::fs::write(elsewhere.path().join("b.wasm"), "b").unwrap();
        symlink(elsewhere.path(), root.join("plugins")).unwrap();
        assert!(refusal(&root, "plugins/b.wasm").contains("leads out of the app"));
    }

    #[test]
    fn links_that_replace_what_was_resolved_are_not_followed() {
        let (app, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = app.path().canonicalize().unwrap();
        for dir in [root.join("plugins/deep"), elsewhere.path().join("deep")] {
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(dir.join("a.wasm"), dir.to_str().unwrap()).unwrap();
        }
        let (path, file) = open_inside(&root, Path::new("plugins/deep/a.wasm")).unwrap();
        let own = read_opened(&file, 1_000).unwrap();
        assert_eq!(own, root.join("plugins/deep").to_str().unwrap().as_bytes());

        std::fs::remove_file(&path).unwrap();
        symlink(elsewhere.path().join("deep/a.wasm"), &path).unwrap();
        assert!(open_resolved(&root, &path).is_err(), "a link in the place of the file");

        std::fs::remove_dir_all(root.join("plugins")).unwrap();
        symlink(elsewhere.path(), root.join("plugins")).unwrap();
        assert!(path.is_file(), "the path leads to the other file");
        assert!(open_resolved(&root, &path).is_err(), "a link in the place of a directory");
        assert!(open_resolved(&root, &elsewhere.path().join("deep/a.wasm")).is_err(), "outside of the app");
    }

    #[test]
    fn pipes_devices_and_directories_are_refused_at_once_and_reads_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        let status = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
        assert!(status.success());
        for path in [fifo.as_path(), Path::new("/dev/zero"), Path::new("/dev/tty"), dir.path()] {
            assert!(read_regular_file(path, 10).is_err(), "{}", path.display());
        }
        let file = dir.path().join("file");
        std::fs::write(&file, "0123456789").unwrap();
        assert_eq!(read_regular_file(&file, 10).unwrap().len(), 10);
        assert_eq!(read_regular_file(&file, 3).unwrap(), b"0123");
    }
}
