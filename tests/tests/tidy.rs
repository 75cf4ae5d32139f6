//! Checks the repository's rules: the form of sources, the structure of crates, and the dependencies of packages.

use std::path::{Path, PathBuf};

#[path = "tidy/architecture.rs"]
mod architecture;
#[path = "tidy/dashboard.rs"]
mod dashboard;
#[path = "tidy/names.rs"]
mod names;
#[path = "tidy/packages.rs"]
mod packages;
#[path = "tidy/security.rs"]
mod security;
#[path = "tidy/sources.rs"]
mod sources;
#[path = "tidy/structure.rs"]
mod structure;

/// Returns the root of the repository.
fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().expect("the folder of this package");
    tests.parent().expect("the tests are in a folder of the repository").to_owned()
}
