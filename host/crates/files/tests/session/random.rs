//! Random operations by several sessions on one directory. After each one, what the directory takes on the disk, with the
//! files that are open and have no name any more, is within the bounds; at the end, the usage agrees with the disk.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use fastrand::Rng;
use saggar_files::{FileError, FileHandle, OpenMode, Session};

use super::fixture::{CREATE, FileUser, Fixture, READ, ROOT};

const MAX_BYTES: u64 = 3000;
const MAX_FILES: u64 = 8;
const HISTORIES: u64 = 60;
const STEPS: usize = 150;

/// A session with the files that it has open.
struct Actor {
    session: Session,
    open: Vec<FileHandle>,
}

impl Actor {
    fn step(&mut self, rng: &mut Rng) -> Result<(), FileError> {
        let (path, other) = (path(rng), path(rng));
        let file = rng.choice(&self.open).copied();
        let session = &mut self.session;
        match (rng.u8(..10), file) {
            (0 | 1, _) => {
                let mode = OpenMode { truncate: rng.bool(), exclusive: rng.u8(..4) == 0, ..CREATE };
                self.open.push(session.open(ROOT, path, mode)?);
            }
            (2, _) => self.open.push(session.open(ROOT, path, READ)?),
            (3, Some(file)) => session.set_size(file, rng.u64(..MAX_BYTES))?,
            (4 | 5, Some(file)) => {
                let offset = rng.bool().then(|| rng.u64(..MAX_BYTES));
                session.write(file, offset, &vec![1; rng.usize(..1500)])?;
            }
            (6, Some(file)) => {
                session.close_handles([file]);
                self.open.retain(|open| *open != file);
            }
            (7, _) => session.create_dir(path)?,
            (8, _) => session.remove_file(path).or_else(|_| session.remove_dir(path))?,
            _ => session.rename(path, other)?,
        }
        Ok(())
    }
}

fn path(rng: &mut Rng) -> &'static str {
    rng.choice(["a", "b", "c", "d", "d/a", "d/b", "d/e", "d/e/a"]).unwrap_or("a")
}

/// What a directory takes: its files by their inodes, and how many entries there are.
fn on_disk(dir: &Path) -> (HashMap<u64, u64>, u64) {
    let (mut sizes, mut files) = (HashMap::new(), 0);
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        files += 1;
        if metadata.is_dir() {
            let (below, more) = on_disk(&entry.path());
            sizes.extend(below);
            files += more;
        } else {
            sizes.insert(metadata.ino(), metadata.len());
        }
    }
    (sizes, files)
}

/// Adds the files that this process has open and that have no name any more.
fn with_unlinked(dir: &Path, sizes: &mut HashMap<u64, u64>) {
    let dir = dir.to_string_lossy().into_owned();
    for entry in fs::read_dir("/proc/self/fd").unwrap().flatten() {
        let is_unlinked = |target: &Path| {
            target.to_string_lossy().starts_with(&dir) && target.to_string_lossy().ends_with(" (deleted)")
        };
        if fs::read_link(entry.path()).is_ok_and(|target| is_unlinked(&target))
            && let Ok(metadata) = fs::metadata(entry.path())
            && metadata.is_file()
        {
            sizes.insert(metadata.ino(), metadata.len());
        }
    }
}

#[test]
fn no_history_exceeds_the_bounds() {
    let mut refused = 0;
    for seed in 0..HISTORIES {
        let mut rng = Rng::with_seed(seed);
        let fixture = Fixture::new(true, MAX_BYTES, MAX_FILES);
        let actor = || Actor { session: fixture.other_session(), open: Vec::new() };
        let mut actors = [actor(), actor(), actor()];
        for step in 0..STEPS {
            let chosen = rng.usize(..actors.len());
            let done = actors[chosen].step(&mut rng);
            refused += u32::from(done == Err(FileError::Quota));
            let (mut sizes, files) = on_disk(fixture.path());
            with_unlinked(fixture.path(), &mut sizes);
            let bytes: u64 = sizes.values().sum();
            assert!(bytes <= MAX_BYTES && files <= MAX_FILES, "seed {seed}, step {step}: {bytes} bytes, {files} files");
        }
        actors.iter_mut().for_each(|actor| actor.session.close());
        fills_exactly(&fixture, seed);
    }
    assert!(u64::from(refused) > HISTORIES, "the bounds were reached {refused} times");
}

/// Fills the rest of the directory: exactly what the disk says that is free.
fn fills_exactly(fixture: &Fixture, seed: u64) {
    let (sizes, files) = on_disk(fixture.path());
    let free = MAX_BYTES - sizes.values().sum::<u64>();
    let mut session = fixture.other_session();
    for number in 0..MAX_FILES - files {
        session.create_dir(&format!("new-{number}")).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
    assert_eq!(session.create_dir("one-more"), Err(FileError::Quota), "seed {seed}");
    let existing =
        ["a", "b", "c", "d/a", "d/b"].into_iter().find(|path| session.open(ROOT, path, CREATE_NOTHING).is_ok());
    let Some(existing) = existing else { return };
    let file = session.open(ROOT, existing, CREATE_NOTHING).unwrap();
    assert_eq!(session.write(file, None, &vec![1; free as usize + 1]), Err(FileError::Quota), "seed {seed}");
    assert_eq!(session.write(file, None, &vec![1; free as usize]), Ok(free), "seed {seed}");
}

/// Opens for writing what exists.
const CREATE_NOTHING: OpenMode = OpenMode { create: false, ..CREATE };
