//! What a directory takes, and which of its files are open. Guests change a directory only under the lock of its usage, so
//! that no two of them exceed its bounds together.

use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use crate::error::FileError;
use crate::resolved_path::Identity;
use crate::usage::{Usage, count};

/// How old a count must be before a directory that is full is counted again. Other programs may have removed files.
const RECOUNT_AFTER: Duration = Duration::from_secs(10);

/// The usage of one directory, which all sessions on it share.
#[derive(Debug, Default)]
pub(crate) struct DirUsage(Mutex<UsageState>);

/// The usage under its lock.
#[derive(Debug, Default)]
pub(crate) struct UsageState {
    /// `None` until a guest changes something.
    counted: Option<Counted>,
    open: HashMap<Identity, OpenFile>,
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    usage: Usage,
    /// Whether there were more files than were counted.
    is_incomplete: bool,
    at: Instant,
}

/// A file that guests have open.
#[derive(Debug, Default)]
struct OpenFile {
    handles: usize,
    /// Its size, if it has no name any more: it takes this until it is closed.
    unlinked: Option<u64>,
}

impl DirUsage {
    /// Creates the usage of an empty directory.
    pub(crate) fn of_empty() -> Self {
        let counted = Counted { usage: Usage::default(), is_incomplete: false, at: Instant::now() };
        Self(Mutex::new(UsageState { counted: Some(counted), open: HashMap::new() }))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, UsageState> {
        self.0.lock()
    }
}

impl UsageState {
    /// Takes `more` of what the directory may have at most. Counts it first, if it was not counted yet.
    pub(crate) fn take(&mut self, dir: BorrowedFd<'_>, more: Usage, most: Usage) -> Result<(), FileError> {
        let mut counted = match self.counted {
            Some(counted) => counted,
            None => self.recount(dir, most)?,
        };
        let fits = |counted: &Counted| !counted.is_incomplete && counted.usage.plus(more).is_within(most);
        if !fits(&counted) && counted.at.elapsed() >= RECOUNT_AFTER {
            counted = self.recount(dir, most)?;
        }
        if !fits(&counted) {
            return Err(FileError::Quota);
        }
        self.change(|usage| usage.plus(more));
        Ok(())
    }

    /// Gives back what was taken, and not used, or is not used any more.
    pub(crate) fn give_back(&mut self, less: Usage) {
        self.change(|usage| usage.minus(less));
    }

    /// Returns what the directory takes, as far as it is known.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.counted.map(|counted| counted.usage)
    }

    pub(crate) fn opened(&mut self, file: Identity) {
        self.open.entry(file).or_default().handles += 1;
    }

    pub(crate) fn closed(&mut self, file: Identity) {
        let Some(open) = self.open.get_mut(&file) else { return };
        open.handles -= 1;
        if open.handles == 0 {
            let bytes = open.unlinked.unwrap_or(0);
            self.open.remove(&file);
            self.give_back(Usage::of_bytes(bytes));
        }
    }

    /// Counts that a name was removed. A file that is open takes its bytes until it is closed.
    pub(crate) fn removed(&mut self, file: Identity, bytes: u64) {
        let less = match self.open.get_mut(&file) {
            Some(open) => {
                open.unlinked = Some(bytes);
                Usage::of_file(0)
            }
            None => Usage::of_file(bytes),
        };
        self.give_back(less);
    }

    /// Notes the new size of a file that is open.
    pub(crate) fn resized(&mut self, file: Identity, bytes: u64) {
        if let Some(unlinked) = self.open.get_mut(&file).and_then(|open| open.unlinked.as_mut()) {
            *unlinked = bytes;
        }
    }

    fn recount(&mut self, dir: BorrowedFd<'_>, most: Usage) -> Result<Counted, FileError> {
        let found = count(dir, most.files)?;
        let unlinked = self.open.values().filter_map(|open| open.unlinked).fold(0, u64::saturating_add);
        let usage = found.unwrap_or(most).plus(Usage::of_bytes(unlinked));
        let counted = Counted { usage, is_incomplete: found.is_none(), at: Instant::now() };
        self.counted = Some(counted);
        Ok(counted)
    }

    fn change(&mut self, change: impl FnOnce(Usage) -> Usage) {
        if let Some(counted) = &mut self.counted {
            counted.usage = change(counted.usage);
        }
    }
}
