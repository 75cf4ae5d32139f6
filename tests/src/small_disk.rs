//! A small file system that fills up, without root: a tmpfs in its own user and mount namespace, which a process keeps
//! open. Programs enter the namespace; the test accesses its files from outside, and uses or frees space with a ballast
//! file.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::program;

/// The mount point inside the namespace. Every machine has this directory, and the tests store nothing in it.
pub const MOUNTED_AT: &str = "/mnt";

const NEEDS: &str = "this test needs `unshare` and `nsenter` (util-linux) and user namespaces for unprivileged users: \
                     install util-linux; on Ubuntu, `sysctl kernel.apparmor_restrict_unprivileged_userns=0`; on older Debian, \
                     `sysctl kernel.unprivileged_userns_clone=1`; in a container, a profile that allows `unshare` and `mount`";

/// A file system that exists as long as this value.
#[derive(Debug)]
pub struct SmallDisk(Child);

impl SmallDisk {
    /// Creates a file system of `kib` KiB.
    pub fn mount(kib: usize) -> Self {
        let script = format!("mount -t tmpfs -o size={kib}k tmpfs {MOUNTED_AT} && echo mounted && exec cat");
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("unshare: {error}; {NEEDS}"));
        let mut said = String::new();
        // `cat` runs, and keeps the namespace open, until its input is closed.
        let out = holder.stdout.take().expect("a pipe was asked for");
        let read = BufReader::new(out).read_line(&mut said);
        let disk = Self(holder);
        assert!(read.is_ok() && said == "mounted\n", "no file system could be mounted; {NEEDS}");
        disk
    }

    /// Returns the path of a file from outside the namespace.
    pub fn path(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.0.id().to_string()).join("root").join(&MOUNTED_AT[1..]).join(name)
    }

    /// Returns the names and sizes of the files, for messages.
    pub fn files(&self) -> Vec<(String, u64)> {
        let entries = fs::read_dir(self.path("")).into_iter().flatten().filter_map(Result::ok);
        let length = |entry: &fs::DirEntry| entry.metadata().map_or(0, |metadata| metadata.len());
        entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), length(&entry))).collect()
    }

    /// Returns `saggar` without arguments, to run inside the namespace.
    pub fn saggar(&self) -> Command {
        let mut enter = Command::new("nsenter");
        enter.args(["--user", "--mount", "--preserve-credentials", "--target", &self.0.id().to_string(), "--"]);
        program::command_within(enter)
    }

    /// Uses up all space except `kib` KiB.
    pub fn leave_free(&self, kib: usize) {
        let mut size = 0;
        // Fills the file system, then shrinks the ballast.
        let mut file = fs::File::create(self.path("ballast")).expect("a file for the ballast");
        while let Ok(written) = std::io::Write::write(&mut file, &[0; 4096]) {
            size += written;
        }
        file.set_len(size.saturating_sub(kib * 1024) as u64).expect("space is freed");
    }

    /// Fills the remaining space, even while other processes write.
    pub fn fill(&self) {
        let ballast = fs::File::options().append(true).open(self.path("ballast"));
        let mut ballast = ballast.expect("there is ballast");
        while std::io::Write::write(&mut ballast, &[0; 4096]).is_ok_and(|written| written > 0) {}
    }

    /// Frees the space of the ballast.
    pub fn free_space(&self) {
        fs::remove_file(self.path("ballast")).expect("the ballast can be removed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
