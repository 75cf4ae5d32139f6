//! A small file system that fills up, without being root: a tmpfs in a user and mount namespace of its own, which a process
//! holds open. Programs enter the namespace; the test reaches its files from outside, and makes or takes room with a ballast.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::program;

/// Where it is mounted, as those in the namespace see it. Every machine has this directory, and nothing of these tests' lies in
/// it.
pub const MOUNTED_AT: &str = "/mnt";

const NEEDS: &str = "this test needs `unshare` and `nsenter` (util-linux) and user namespaces for unprivileged users: \
                     install util-linux; on Ubuntu, `sysctl kernel.apparmor_restrict_unprivileged_userns=0`; on older Debian, \
                     `sysctl kernel.unprivileged_userns_clone=1`; in a container, a profile that allows `unshare` and `mount`";

/// A file system of its own, as long as it lives.
#[derive(Debug)]
pub struct SmallDisk(Child);

impl SmallDisk {
    /// One of `kib` KiB.
    pub fn mount(kib: usize) -> Self {
        let script = format!("mount -t tmpfs -o size={kib}k tmpfs {MOUNTED_AT} && echo mounted && exec cat");
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("unshare: {error}; {NEEDS}"));
        let mut said = String::new();
        // `cat` goes on, and holds the namespace open, until its input is closed.
        let out = holder.stdout.take().expect("a pipe was asked for");
        let read = BufReader::new(out).read_line(&mut said);
        let disk = Self(holder);
        assert!(read.is_ok() && said == "mounted\n", "no file system could be mounted; {NEEDS}");
        disk
    }

    /// A file of it, as it is reached from outside.
    pub fn path(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.0.id().to_string()).join("root").join(&MOUNTED_AT[1..]).join(name)
    }

    /// The names of its files and how long they are, for messages.
    pub fn files(&self) -> Vec<(String, u64)> {
        let entries = fs::read_dir(self.path("")).into_iter().flatten().filter_map(Result::ok);
        let length = |entry: &fs::DirEntry| entry.metadata().map_or(0, |metadata| metadata.len());
        entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), length(&entry))).collect()
    }

    /// `saggar` without arguments, to be run where the file system is.
    pub fn saggar(&self) -> Command {
        let mut enter = Command::new("nsenter");
        enter.args(["--user", "--mount", "--preserve-credentials", "--target", &self.0.id().to_string(), "--"]);
        program::command_within(enter)
    }

    /// Takes all room but `kib` KiB.
    pub fn leave(&self, kib: usize) {
        let mut size = 0;
        // Fills it, then gives back.
        let mut file = fs::File::create(self.path("ballast")).expect("a file for the ballast");
        while let Ok(written) = std::io::Write::write(&mut file, &[0; 4096]) {
            size += written;
        }
        file.set_len(size.saturating_sub(kib * 1024) as u64).expect("room is given back");
    }

    /// Gives the room back.
    pub fn make_room(&self) {
        fs::remove_file(self.path("ballast")).expect("the ballast can be removed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
