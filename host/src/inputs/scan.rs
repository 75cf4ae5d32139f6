//! A scan of the inputs of an app: which files there are, and when they have changed, without reading them.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use saggar_job::Timestamp;

use super::{InputKind, KINDS, Places};

/// Maximum files and directories that a scan visits: ten times as many as an app may have tasks.
pub(super) const MAX_FILES: usize = 100_000;

/// The inputs at one time, by name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) stamps: BTreeMap<String, Stamp>,
    /// Whether all files were visited.
    pub(super) is_complete: bool,
}

/// What changes with the content of a file. The time of the last change of the inode cannot be set, unlike that of the
/// content, which some programs restore. `None` if there is no file, for example behind a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(Option<Inode>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Inode {
    device: u64,
    number: u64,
    size: u64,
    /// Seconds and nanoseconds.
    changed_at: (i64, i64),
}

impl Scan {
    /// Scans all inputs. Skips what cannot be read: loading the app reports it.
    pub(super) fn take(places: &Places) -> Self {
        let mut walk = Walk { stamps: BTreeMap::new(), left: MAX_FILES };
        for kind in KINDS {
            walk.visit(kind, places.app_dir.join(kind.directory));
        }
        if fs::symlink_metadata(&places.configuration).is_ok() {
            let metadata = fs::metadata(&places.configuration).ok();
            walk.stamps.insert(places.configuration_name(), Stamp::of(metadata.as_ref()));
        }
        Self { stamps: walk.stamps, is_complete: walk.left > 0 }
    }
}

struct Walk {
    stamps: BTreeMap<String, Stamp>,
    left: usize,
}

impl Walk {
    /// Visits the files below a directory as the loader of task files does: skips hidden ones, follows links to files,
    /// but none to directories.
    fn visit(&mut self, kind: &InputKind, directory: PathBuf) {
        let mut directories = vec![(directory, kind.directory.to_owned())];
        while let Some((directory, shown)) = directories.pop() {
            let Ok(entries) = fs::read_dir(directory) else { continue };
            for entry in entries.flatten() {
                if self.left == 0 {
                    return;
                }
                self.left -= 1;
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.starts_with('.') {
                    continue;
                }
                let shown = format!("{shown}/{name}");
                if entry.file_type().is_ok_and(|file| file.is_dir()) {
                    directories.push((entry.path(), shown));
                } else if (kind.is_input)(&name) {
                    self.stamps.insert(shown, Stamp::of(fs::metadata(entry.path()).ok().as_ref()));
                }
            }
        }
    }
}

impl Stamp {
    fn of(metadata: Option<&Metadata>) -> Self {
        Self(metadata.map(|file| Inode {
            device: file.dev(),
            number: file.ino(),
            size: file.size(),
            changed_at: (file.ctime(), file.ctime_nsec()),
        }))
    }

    /// Returns whether the file has changed within `time` before `now`, or after it by about as much, because the clock
    /// of a file server may be ahead.
    pub(super) fn changed_within(self, time: Duration, now: Timestamp) -> bool {
        let Some(Inode { changed_at: (seconds, _), .. }) = self.0 else { return false };
        let now_s = i64::try_from(now.0 / 1_000).unwrap_or(i64::MAX);
        now_s.abs_diff(seconds) <= time.as_secs()
    }
}
