//! Keeps the repository's rules that a machine can keep: how sources look, how crates hang together, and what a package may
//! depend on.

use std::path::{Path, PathBuf};

#[path = "tidy/architecture.rs"]
mod architecture;
#[path = "tidy/packages.rs"]
mod packages;
#[path = "tidy/sources.rs"]
mod sources;
#[path = "tidy/structure.rs"]
mod structure;

/// The repository.
fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().expect("the folder of this package");
    tests.parent().expect("the tests are in a folder of the repository").to_owned()
}
