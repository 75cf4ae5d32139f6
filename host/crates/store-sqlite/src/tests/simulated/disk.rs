//! A disk in memory with the page semantics of ext4 and XFS, with faults and power cuts.
//!
//! A write changes what the kernel shows and makes pages dirty. Dirty pages reach the disk when the file is synced, or
//! by writeback, at any time and in any order. A failing sync writes some of them, marks all as clean, and returns an
//! error once to each open file. The kernel shows the pages that were not written until the machine is restarted, but
//! never writes them unless they are written to again. A power cut leaves of each dirty page the old content, the new
//! one, or a mixture of their sectors. Changes of names (a file created, a file removed) reach the disk in their order,
//! at the latest with the next sync of any file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;

const PAGE: usize = 4_096;
const SECTOR: usize = 512;

/// Writeback without a sync happens once in this many writes.
const WRITEBACK: u32 = 8;

/// The reason why an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Fault {
    /// The device returned an error.
    Io,
    /// A file cannot grow.
    Full,
    /// The calling process is dead, or the machine is off.
    Dead,
}

/// The planned faults. Each happens once, except for `full`.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Plan {
    /// The n-th sync of a file whose name ends so fails, counted from 0.
    pub(in super::super) sync: Option<(&'static str, u32)>,
    /// The n-th sync of the WAL by SQLite itself fails, of those that have commits to write, as at a checkpoint.
    pub(in super::super) wal_sync_of_sqlite: Option<u32>,
    /// The n-th write to a file whose name ends so fails.
    pub(in super::super) write: Option<(&'static str, u32)>,
    /// The process dies before the n-th write.
    pub(in super::super) death: Option<u32>,
    /// The power is cut during the n-th write or sync.
    pub(in super::super) cut: Option<u32>,
    /// From the n-th write on no file grows.
    pub(in super::super) full: Option<u32>,
}

/// A file, independent of its name.
#[derive(Debug, Default)]
struct Inode {
    /// The content that the kernel shows.
    visible: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
    /// Writeback errors so far.
    errors: u32,
}

#[derive(Debug, Clone)]
enum Naming {
    Made(String, usize),
    Removed(String),
}

/// An open file.
#[derive(Debug, Clone, Copy)]
struct Handle {
    inode: usize,
    /// The process that opened it.
    process: u32,
    errors_seen: u32,
}

struct State {
    chance: fastrand::Rng,
    plan: Plan,
    /// The number of the current process; all others are dead.
    process: u32,
    /// Whether the current process is alive.
    runs: bool,
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Changes of names since the last sync.
    namings: Vec<Naming>,
    handles: Vec<Handle>,
    /// Pages that failed syncs have left unwritten so far.
    phantoms: usize,
}

#[derive(Clone)]
pub(in super::super) struct SimulatedDisk(Arc<Mutex<State>>);

impl SimulatedDisk {
    pub(in super::super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            chance: fastrand::Rng::with_seed(seed),
            plan: Plan::default(),
            process: 0,
            runs: false,
            inodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            namings: Vec::new(),
            handles: Vec::new(),
            phantoms: 0,
        })))
    }

    /// Starts a process; returns the files that it finds.
    pub(in super::super) fn begin(&self, plan: Plan) -> Vec<(String, Vec<u8>)> {
        let mut state = self.0.lock();
        state.process += 1;
        state.runs = true;
        state.plan = plan;
        state.names.iter().map(|(name, inode)| (name.clone(), state.inodes[*inode].visible.clone())).collect()
    }

    /// Plans faults from now on.
    pub(in super::super) fn plan(&self, plan: Plan) {
        self.0.lock().plan = plan;
    }

    /// Kills the process, if it is alive; its writes stay in the kernel's cache.
    pub(in super::super) fn kill(&self) {
        self.0.lock().runs = false;
    }

    /// Cuts the power, and starts the machine again.
    pub(in super::super) fn cut(&self) {
        self.0.lock().cut();
    }

    /// Returns whether the process is alive.
    pub(in super::super) fn is_alive(&self) -> bool {
        self.0.lock().runs
    }

    pub(in super::super) fn phantoms(&self) -> usize {
        self.0.lock().phantoms
    }

    /// Opens a file, and creates it if it does not exist.
    pub(super) fn open(&self, name: &str) -> Result<usize, Fault> {
        let mut state = self.0.lock();
        if !state.runs {
            return Err(Fault::Dead);
        }
        let inode = match state.names.get(name) {
            Some(inode) => *inode,
            None => {
                state.inodes.push(Inode::default());
                let inode = state.inodes.len() - 1;
                state.names.insert(name.to_owned(), inode);
                state.namings.push(Naming::Made(name.to_owned(), inode));
                inode
            }
        };
        let (process, errors_seen) = (state.process, state.inodes[inode].errors);
        state.handles.push(Handle { inode, process, errors_seen });
        Ok(state.handles.len() - 1)
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), Fault> {
        let mut state = self.0.lock();
        if !state.runs {
            return Err(Fault::Dead);
        }
        state.names.remove(name);
        state.namings.push(Naming::Removed(name.to_owned()));
        Ok(())
    }

    pub(super) fn write(&self, handle: usize, at: u64, bytes: &[u8]) -> Result<(), Fault> {
        let mut state = self.0.lock();
        let inode = state.inode_of(handle)?;
        if is_due(&mut state.plan.death) {
            state.runs = false;
            return Err(Fault::Dead);
        }
        let name = state.name_of(inode);
        if is_planned(&mut state.plan.write, &name) {
            return Err(Fault::Io);
        }
        let end = at as usize + bytes.len();
        if is_due_for_good(&mut state.plan.full) && end > state.inodes[inode].visible.len() {
            return Err(Fault::Full);
        }
        state.inodes[inode].write(at as usize, bytes);
        state.cut_if_due()?;
        if state.chance.u32(0..WRITEBACK) == 0 {
            state.write_back_one(inode);
        }
        Ok(())
    }

    pub(super) fn set_len(&self, handle: usize, length: u64) -> Result<(), Fault> {
        let mut state = self.0.lock();
        let inode = state.inode_of(handle)?;
        let (inode, length) = (&mut state.inodes[inode], length as usize);
        inode.visible.resize(length, 0);
        inode.dirty.retain(|page| page * PAGE < length);
        Ok(())
    }

    /// Syncs a file as SQLite does.
    pub(super) fn sync_by_sqlite(&self, handle: usize) -> Result<(), Fault> {
        let mut state = self.0.lock();
        let inode = state.inode_of(handle)?;
        // A single page is the header of a WAL that begins anew.
        let has_commits = state.inodes[inode].dirty.len() > 1;
        if has_commits && state.name_of(inode).ends_with("-wal") && is_due(&mut state.plan.wal_sync_of_sqlite) {
            state.plan.sync = Some(("-wal", 0));
        }
        drop(state);
        self.sync(handle)
    }

    pub(super) fn sync(&self, handle: usize) -> Result<(), Fault> {
        let mut state = self.0.lock();
        let inode = state.inode_of(handle)?;
        let name = state.name_of(inode);
        state.cut_if_due()?;
        if is_planned(&mut state.plan.sync, &name) {
            state.fail_to_write_back(inode);
        } else {
            let file = &mut state.inodes[inode];
            for page in std::mem::take(&mut file.dirty) {
                file.write_back(page, |_| true);
            }
            file.durable.resize(file.visible.len(), 0);
            let namings = state.namings.len();
            state.apply_namings(namings);
        }
        let errors = state.inodes[inode].errors;
        let seen = std::mem::replace(&mut state.handles[handle].errors_seen, errors);
        if seen == errors { Ok(()) } else { Err(Fault::Io) }
    }
}

impl State {
    fn inode_of(&self, handle: usize) -> Result<usize, Fault> {
        let handle = self.handles.get(handle).filter(|handle| self.runs && handle.process == self.process);
        handle.map(|handle| handle.inode).ok_or(Fault::Dead)
    }

    fn name_of(&self, inode: usize) -> String {
        let name = self.names.iter().find(|(_, named)| **named == inode);
        name.map(|(name, _)| name.clone()).unwrap_or_default()
    }

    fn cut_if_due(&mut self) -> Result<(), Fault> {
        if is_due(&mut self.plan.cut) {
            self.cut();
            return Err(Fault::Dead);
        }
        Ok(())
    }

    /// Writes one dirty page back, as the kernel does on its own.
    fn write_back_one(&mut self, inode: usize) {
        let file = &mut self.inodes[inode];
        let pages: Vec<usize> = file.dirty.iter().copied().collect();
        if let Some(page) = self.chance.choice(pages) {
            file.dirty.remove(&page);
            file.write_back(page, |_| true);
        }
    }

    /// Writes some pages, marks all as clean, and makes the error pending for every handle.
    fn fail_to_write_back(&mut self, inode: usize) {
        let file = &mut self.inodes[inode];
        file.errors += 1;
        for page in std::mem::take(&mut file.dirty) {
            if self.chance.u8(0..3) == 0 {
                file.write_back(page, |_| true);
            } else {
                self.phantoms += 1;
            }
        }
    }

    fn cut(&mut self) {
        self.runs = false;
        let namings = self.chance.usize(0..=self.namings.len());
        self.apply_namings(namings);
        self.namings.clear();
        for file in &mut self.inodes {
            if file.visible.len() < file.durable.len() && self.chance.bool() {
                file.durable.truncate(file.visible.len());
            }
            for page in std::mem::take(&mut file.dirty) {
                match self.chance.u8(0..4) {
                    0 => {}
                    1 => file.write_back(page, |_| self.chance.bool()),
                    _ => file.write_back(page, |_| true),
                }
            }
            file.visible = file.durable.clone();
            file.errors = 0;
        }
        self.names = self.durable_names.clone();
    }

    fn apply_namings(&mut self, count: usize) {
        for naming in self.namings.drain(..count) {
            match naming {
                Naming::Made(name, inode) => drop(self.durable_names.insert(name, inode)),
                Naming::Removed(name) => drop(self.durable_names.remove(&name)),
            }
        }
    }
}

impl Inode {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        if self.visible.len() < end {
            self.visible.resize(end, 0);
        }
        self.visible[at..end].copy_from_slice(bytes);
        self.dirty.extend(at / PAGE..=(end - 1) / PAGE);
    }

    /// Writes the selected sectors of a page to the disk.
    fn write_back(&mut self, page: usize, mut is_written: impl FnMut(usize) -> bool) {
        let page_end = self.visible.len().min((page + 1) * PAGE);
        for sector in (page * PAGE..page_end).step_by(SECTOR) {
            let end = page_end.min(sector + SECTOR);
            if is_written(sector) {
                if self.durable.len() < end {
                    self.durable.resize(end, 0);
                }
                self.durable[sector..end].copy_from_slice(&self.visible[sector..end]);
            }
        }
    }
}

/// Counts down to an event; returns whether it is due now.
fn is_due(countdown: &mut Option<u32>) -> bool {
    match countdown {
        None => false,
        Some(0) => countdown.take().is_some(),
        Some(remaining) => {
            *remaining -= 1;
            false
        }
    }
}

/// As [`is_due`], for a condition that persists.
fn is_due_for_good(countdown: &mut Option<u32>) -> bool {
    match countdown {
        None => false,
        Some(0) => true,
        Some(remaining) => {
            *remaining -= 1;
            false
        }
    }
}

/// As [`is_due`], for an event of a file with that suffix.
fn is_planned(planned: &mut Option<(&'static str, u32)>, name: &str) -> bool {
    let Some((suffix, remaining)) = planned.take() else { return false };
    if !name.ends_with(suffix) {
        *planned = Some((suffix, remaining));
        return false;
    }
    let mut remaining = Some(remaining);
    let is_now = is_due(&mut remaining);
    *planned = remaining.map(|remaining| (suffix, remaining));
    is_now
}
