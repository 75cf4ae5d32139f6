//! The inputs of an app: the files that it is loaded from, and their changes. Only these are watched, so that nothing that
//! a build or a host writes elsewhere causes a reload.
//!
//! Files are polled, not watched by the operating system, because polling works on every file system (network mounts,
//! overlays, files that a virtual machine shares), sees what happens to links and to directories that are deleted and
//! created again, and has no limit on the number of files. A scan costs a few microseconds per file, and scans take at
//! most 5 % of a core. The times and sizes of files only tell which of them to read; what counts is their content.

mod scan;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use saggar_job::{Clock, SystemClock};
use sha2::{Digest, Sha256};

use scan::{Scan, Stamp};

/// The time between two scans, and how long nothing may change before a change counts: editors write a file in several
/// steps, and a file may be half-written.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// Scans take at most one part in this many of the time.
const IDLE_PARTS: u32 = 20;

/// A change counts after this time even if the files keep changing, as when a program writes to one of them all the time.
const MAX_SETTLING: Duration = Duration::from_secs(5);

/// A file that changed less than this before it was read may change again without another time, because file systems
/// record times in steps of up to a second or two. It is read again until it is older.
const FRESH: Duration = Duration::from_secs(3);

/// Larger files are not loaded, whatever they contain.
const MAX_BYTES: u64 = 64 << 20;

/// A kind of input: the files of a directory of the app.
struct InputKind {
    directory: &'static str,
    /// Returns whether the file of this name is an input.
    is_input: fn(&str) -> bool,
}

/// All kinds of inputs. A new kind needs only a line here.
const KINDS: &[InputKind] = &[
    InputKind { directory: "tasks", is_input: saggar_definition::is_task_file },
    InputKind { directory: "plugins", is_input: |name| name.ends_with(".wasm") },
    InputKind { directory: "scripts", is_input: saggar_definition::is_script_file },
];

/// The places of an app's inputs.
#[derive(Debug)]
struct Places {
    app_dir: PathBuf,
    /// The configuration file.
    configuration: PathBuf,
}

/// The inputs of an app, and what their content was.
#[derive(Debug)]
pub(crate) struct AppInputs {
    places: Arc<Places>,
    known: BTreeMap<String, Known>,
    /// The time until the next scan.
    pause: Duration,
    /// Whether it was reported that there are too many files.
    is_overflow_reported: bool,
}

/// What is known of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    stamp: Stamp,
    content: Content,
    /// Whether the file may have changed since without another stamp.
    is_fresh: bool,
}

/// The content of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Digest([u8; 32]),
    /// Why it cannot be read.
    Unreadable(String),
}

impl AppInputs {
    /// Reads the inputs of the app in `app_dir`. Call it before the app is loaded, so that no later change is missed.
    /// `configuration` is the configuration file, if it is not the app's own.
    pub(crate) async fn read(app_dir: &Path, configuration: Option<&Path>) -> Self {
        let configuration = configuration.map_or_else(|| app_dir.join("saggar.toml"), Path::to_owned);
        let places = Arc::new(Places { app_dir: app_dir.to_owned(), configuration });
        let mut inputs = Self { places, known: BTreeMap::new(), pause: DEBOUNCE, is_overflow_reported: false };
        let scan = inputs.scan().await;
        inputs.update(scan).await;
        inputs
    }

    /// Waits until the content of an input has changed, and no input has changed for a moment. Returns the names of the
    /// inputs that have changed, were added or removed, such as `tasks/hello.yao`. Cancel safe.
    pub(crate) async fn changed(&mut self) -> Vec<String> {
        loop {
            tokio::time::sleep(self.pause).await;
            let mut scan = self.scan().await;
            if !self.is_news(&scan) {
                continue;
            }
            let settling = Instant::now();
            while settling.elapsed() < MAX_SETTLING {
                tokio::time::sleep(DEBOUNCE).await;
                let next = self.scan().await;
                let has_settled = next == scan;
                scan = next;
                if has_settled {
                    break;
                }
            }
            let changed = self.update(scan).await;
            if !changed.is_empty() {
                return changed;
            }
        }
    }

    /// Scans all inputs, without reading them.
    async fn scan(&mut self) -> Scan {
        let (places, start) = (self.places.clone(), Instant::now());
        let scan = blocking(move || Scan::take(&places)).await;
        self.pause = DEBOUNCE.max(start.elapsed() * IDLE_PARTS);
        if !scan.is_complete && !self.is_overflow_reported {
            tracing::warn!(most = scan::MAX_FILES, "too many files; changes of some of them are not seen");
            self.is_overflow_reported = true;
        }
        scan
    }

    /// Returns whether some content may have changed.
    fn is_news(&self, scan: &Scan) -> bool {
        let is_known = |(name, stamp): (&String, &Stamp)| {
            self.known.get(name).is_some_and(|known| known.stamp == *stamp && !known.is_fresh)
        };
        scan.stamps.len() != self.known.len() || !scan.stamps.iter().all(is_known)
    }

    /// Reads the inputs that may have changed; returns the names of those that have.
    async fn update(&mut self, scan: Scan) -> Vec<String> {
        let (places, known) = (self.places.clone(), self.known.clone());
        let read = blocking(move || read_changed(&places, scan, known)).await;
        let old = std::mem::replace(&mut self.known, read);
        let content_in = |inputs: &BTreeMap<String, Known>, name: &String| {
            inputs.get(name).map(|known: &Known| known.content.clone())
        };
        let removed = old.keys().filter(|name| !self.known.contains_key(*name)).cloned();
        let changed = self.known.keys().filter(|name| content_in(&self.known, name) != content_in(&old, name)).cloned();
        let mut changed: Vec<String> = changed.chain(removed).collect();
        changed.sort();
        changed
    }
}

/// Reads the inputs of a scan that are not known, or may have changed.
fn read_changed(places: &Places, scan: Scan, mut known: BTreeMap<String, Known>) -> BTreeMap<String, Known> {
    let mut read = BTreeMap::new();
    for (name, stamp) in scan.stamps {
        let input = match known.remove(&name) {
            Some(known) if known.stamp == stamp && !known.is_fresh => known,
            _ => {
                let is_fresh = stamp.changed_within(FRESH, SystemClock.now());
                Known { content: places.content(&name), stamp, is_fresh }
            }
        };
        read.insert(name, input);
    }
    read
}

impl Places {
    /// Returns the content of an input, as the app would be loaded from it.
    fn content(&self, name: &str) -> Content {
        let path = match self.path(name) {
            Ok(path) => path,
            Err(error) => return Content::Unreadable(error.to_string()),
        };
        match saggar_definition::read_regular_file(&path, MAX_BYTES) {
            Ok(bytes) => Content::Digest(Sha256::digest(&bytes).into()),
            Err(error) => Content::Unreadable(error.to_string()),
        }
    }

    /// Returns the path of an input, without links. A link that leads out of the app is an error, as when it is loaded.
    fn path(&self, name: &str) -> std::io::Result<PathBuf> {
        if self.is_configuration(name) {
            return self.configuration.canonicalize();
        }
        saggar_definition::resolve_inside(&self.app_dir.canonicalize()?, Path::new(name))
    }

    /// Returns the name of the configuration file among the inputs.
    fn configuration_name(&self) -> String {
        let inside = self.configuration.strip_prefix(&self.app_dir).unwrap_or(&self.configuration);
        inside.to_string_lossy().into_owned()
    }

    fn is_configuration(&self, name: &str) -> bool {
        name == self.configuration_name()
    }
}

/// Runs `work` on a thread that may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

#[cfg(test)]
mod tests;
