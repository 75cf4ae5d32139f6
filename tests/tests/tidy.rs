//! Keeps the repository's rules that a machine can keep: how sources look and what a package may depend on.

#[path = "tidy/packages.rs"]
mod packages;
#[path = "tidy/sources.rs"]
mod sources;
