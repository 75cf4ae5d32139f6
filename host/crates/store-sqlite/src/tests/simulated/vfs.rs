//! SQLite's access to the simulated disk: a VFS in front of the operating system's. Locking, the WAL's index and
//! reading use the system's VFS on real files, which contain what the kernel would show. Writes, syncs, truncations and
//! removals go through the simulated disk first.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use parking_lot::Mutex;
use rusqlite::ffi;

use super::super::super::disk::Disk;
use super::disk::{Fault, SimulatedDisk};

/// The name of the VFS.
pub(super) const NAME: &str = "simulated-disk";

/// The directories that are on simulated disks.
static MOUNTED: Mutex<Vec<(PathBuf, SimulatedDisk)>> = Mutex::new(Vec::new());

/// Puts the files in `directory` on `disk` from now on.
pub(super) fn mount(directory: &Path, disk: &SimulatedDisk) {
    register();
    MOUNTED.lock().push((directory.to_owned(), disk.clone()));
}

pub(super) fn unmount(directory: &Path) {
    MOUNTED.lock().retain(|(mounted, _)| mounted != directory);
}

/// Returns the disk of a file, and its name there.
fn disk_of(path: &Path) -> Option<(SimulatedDisk, String)> {
    let name = path.file_name()?.to_str()?.to_owned();
    let mounted = MOUNTED.lock();
    let (_, disk) = mounted.iter().find(|(directory, _)| Some(directory.as_path()) == path.parent())?;
    Some((disk.clone(), name))
}

/// The WAL as the store itself writes it.
pub(super) struct SimulatedWal {
    file: File,
    disk: SimulatedDisk,
    handle: usize,
}

impl SimulatedWal {
    pub(super) fn new(file: File, disk: &SimulatedDisk, name: &str) -> Self {
        // A dead process gets an invalid handle.
        let handle = disk.open(name).unwrap_or(usize::MAX);
        Self { file, disk: disk.clone(), handle }
    }
}

fn error_of(fault: Fault) -> io::Error {
    match fault {
        Fault::Io => io::Error::other("simulated"),
        Fault::Full => io::ErrorKind::StorageFull.into(),
        Fault::Dead => io::Error::other("the process is dead"),
    }
}

impl Disk for SimulatedWal {
    fn file(&self) -> &File {
        &self.file
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.sync(self.handle).map_err(error_of)
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.disk.write(self.handle, at, bytes).map_err(error_of)?;
        FileExt::write_all_at(&self.file, bytes, at)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.disk.set_len(self.handle, length).map_err(error_of)?;
        File::set_len(&self.file, length)
    }
}

/// An open file in SQLite's memory; the system VFS's file follows it there.
#[repr(C)]
struct Shim {
    base: ffi::sqlite3_file,
    /// Null for a file that is not on a simulated disk.
    opened: *mut Opened,
}

struct Opened {
    disk: SimulatedDisk,
    handle: usize,
}

static REAL: OnceLock<Real> = OnceLock::new();

/// The operating system's VFS, which never changes once it is registered.
struct Real(*mut ffi::sqlite3_vfs);
// SAFETY: the VFS never changes once it is registered.
unsafe impl Send for Real {}
// SAFETY: the VFS never changes once it is registered.
unsafe impl Sync for Real {}

fn register() {
    REAL.get_or_init(|| {
        // SAFETY: the VFS found lives as long as the process; so do the copy and its name, which are leaked or static.
        unsafe {
            let real = ffi::sqlite3_vfs_find(std::ptr::null());
            let mut vfs = *real;
            vfs.zName = c"simulated-disk".as_ptr(); // NAME
            vfs.szOsFile += size_of::<Shim>() as c_int;
            vfs.pNext = std::ptr::null_mut();
            vfs.xOpen = Some(open);
            vfs.xDelete = Some(delete);
            assert_eq!(ffi::sqlite3_vfs_register(Box::leak(Box::new(vfs)), 0), ffi::SQLITE_OK);
            Real(real)
        }
    });
}

/// Returns the operating system's VFS.
fn real() -> *mut ffi::sqlite3_vfs {
    REAL.get().expect("it is registered").0
}

unsafe extern "C" fn open(
    _vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite allocates `szOsFile` bytes; the system's VFS gets those after the shim.
    unsafe {
        let shim = file.cast::<Shim>();
        (*shim).base.pMethods = std::ptr::null();
        (*shim).opened = std::ptr::null_mut();
        let simulated = match name.is_null() {
            true => None,
            false => disk_of(Path::new(CStr::from_ptr(name).to_str().expect("UTF-8"))),
        };
        if let Some((disk, name)) = simulated {
            let Ok(handle) = disk.open(&name) else { return ffi::SQLITE_CANTOPEN };
            (*shim).opened = Box::into_raw(Box::new(Opened { disk, handle }));
        }
        let result = (*real()).xOpen.expect("a method")(real(), name, below(file), flags, out_flags);
        if result == ffi::SQLITE_OK {
            (*shim).base.pMethods = &raw const METHODS;
        } else if !(*shim).opened.is_null() {
            drop(Box::from_raw((*shim).opened));
        }
        result
    }
}

unsafe extern "C" fn delete(_vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_directory: c_int) -> c_int {
    // SAFETY: the name comes from SQLite, which calls this with a valid C string.
    unsafe {
        let simulated = disk_of(Path::new(CStr::from_ptr(name).to_str().expect("UTF-8")));
        if let Some((disk, name)) = simulated
            && disk.remove(&name).is_err()
        {
            return ffi::SQLITE_IOERR_DELETE;
        }
        (*real()).xDelete.expect("a method")(real(), name, sync_directory)
    }
}

/// Returns the system's file after a shim.
unsafe fn below(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: it follows the shim in the same allocation.
    unsafe { file.cast::<u8>().add(size_of::<Shim>()).cast() }
}

/// Runs an operation on the simulated disk and, unless it failed there, on the system's file.
unsafe fn on_disk(
    file: *mut ffi::sqlite3_file,
    code: c_int,
    simulate: impl FnOnce(&Opened) -> Result<(), Fault>,
    forward: impl FnOnce(*mut ffi::sqlite3_file, &ffi::sqlite3_io_methods) -> c_int,
) -> c_int {
    // SAFETY: SQLite calls methods of open files only.
    unsafe {
        if let Some(opened) = (*file.cast::<Shim>()).opened.as_ref() {
            match simulate(opened) {
                Ok(()) => {}
                Err(Fault::Full) => return ffi::SQLITE_FULL,
                Err(Fault::Io | Fault::Dead) => return code,
            }
        }
        let below = below(file);
        forward(below, &*(*below).pMethods)
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: as above; the box was created when the file was opened.
    unsafe {
        let opened = std::mem::replace(&mut (*file.cast::<Shim>()).opened, std::ptr::null_mut());
        if !opened.is_null() {
            drop(Box::from_raw(opened));
        }
        let below = below(file);
        (*(*below).pMethods).xClose.expect("a method")(below)
    }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, bytes: *const c_void, count: c_int, at: i64) -> c_int {
    // SAFETY: SQLite passes `count` bytes.
    unsafe {
        let slice = std::slice::from_raw_parts(bytes.cast::<u8>(), count as usize);
        let simulate = |opened: &Opened| opened.disk.write(opened.handle, at as u64, slice);
        on_disk(file, ffi::SQLITE_IOERR_WRITE, simulate, |below, methods| {
            methods.xWrite.expect("a method")(below, bytes, count, at)
        })
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, length: i64) -> c_int {
    // SAFETY: as above.
    unsafe {
        let simulate = |opened: &Opened| opened.disk.set_len(opened.handle, length as u64);
        on_disk(file, ffi::SQLITE_IOERR_TRUNCATE, simulate, |below, methods| {
            methods.xTruncate.expect("a method")(below, length)
        })
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: as above. The real disk need not be synced.
    unsafe {
        on_disk(
            file,
            ffi::SQLITE_IOERR_FSYNC,
            |opened| opened.disk.sync_by_sqlite(opened.handle),
            |_, _| ffi::SQLITE_OK,
        )
    }
}

/// Defines methods that only call the system's.
macro_rules! real_methods {
    ($($name:ident $method:ident ($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        $(
            unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file, $($argument: $type),*) -> $result {
                // SAFETY: as above.
                unsafe {
                    let below = below(file);
                    (*(*below).pMethods).$method.expect("a method")(below, $($argument),*)
                }
            }
        )*
    };
}

real_methods! {
    read xRead (bytes: *mut c_void, count: c_int, at: i64) -> c_int;
    size xFileSize (size: *mut i64) -> c_int;
    lock xLock (level: c_int) -> c_int;
    unlock xUnlock (level: c_int) -> c_int;
    check_lock xCheckReservedLock (is_held: *mut c_int) -> c_int;
    control xFileControl (operation: c_int, argument: *mut c_void) -> c_int;
    sector_size xSectorSize () -> c_int;
    characteristics xDeviceCharacteristics () -> c_int;
    shm_map xShmMap (region: c_int, size: c_int, extend: c_int, out: *mut *mut c_void) -> c_int;
    shm_lock xShmLock (offset: c_int, count: c_int, flags: c_int) -> c_int;
    shm_barrier xShmBarrier () -> ();
    shm_unmap xShmUnmap (is_last: c_int) -> c_int;
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // Version 2 adds shared memory; version 3 adds memory-mapped files, which the store never uses.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_lock),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};
