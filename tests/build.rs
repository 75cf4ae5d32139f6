//! Builds the guests, and generates a constant with the path of each component and a macro that lists them all.

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

fn main() -> Result<()> {
    for input in ["guests/Cargo.toml", "guests/Cargo.lock", "guests/src", "guests/examples", "guests/wit"] {
        println!("cargo::rerun-if-changed={input}");
    }
    for input in ["../wit", "../guest-sdk/rust/src", "../guest-sdk/rust/macros/src"] {
        println!("cargo::rerun-if-changed={input}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").context("run by cargo")?);
    // The outer cargo has locked its own target directory, so the inner one gets a directory within it. `OUT_DIR` is
    // `<target>/<profile>/build/<package>/out`.
    let target = out.ancestors().nth(4).context("cargo's target directory")?.join("guests");
    let guests = xtask::guests::build(&Path::new(env!("CARGO_MANIFEST_DIR")).join("guests"), &target)?;

    let mut code = String::new();
    writeln!(code, "/// The build directory of the guests, and of files derived from them.")?;
    writeln!(code, "pub const TARGET_DIR: &str = {target:?};")?;
    for guest in &guests {
        let (name, path) = (&guest.name, &guest.path);
        writeln!(code, "/// The component of `{name}`.")?;
        writeln!(code, "pub const {}: &str = {path:?};", name.to_uppercase())?;
    }
    let names: Vec<_> = guests.iter().map(|guest| guest.name.as_str()).collect();
    writeln!(code, "/// Calls `$then!` with the name of every guest.")?;
    writeln!(code, "#[macro_export]")?;
    writeln!(code, "macro_rules! foreach_guest {{ ($then:ident) => {{ $then! {{ {} }} }}; }}", names.join(" "))?;
    fs::write(out.join("guests.rs"), code)?;
    Ok(())
}
