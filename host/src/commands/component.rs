//! `saggar component`: makes a component from a core module.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use saggar::Role;
use saggar_sandbox::{Adapter, EncodeRequest};
use serde_json::json;

use super::{compiler, output};
use crate::cli::author::Component;

/// Maximum bytes that are read of a file; the encoder refuses larger ones.
const MAX_BYTES: u64 = 64 << 20;

/// Maximum number of adapters; real modules need one or two.
const MAX_ADAPTERS: usize = 8;

pub(crate) async fn run(args: Component) -> anyhow::Result<u8> {
    let module = read(&args.module)?;
    if args.adapter.len() > MAX_ADAPTERS {
        bail!("{} adapters were given; at most {MAX_ADAPTERS} are accepted", args.adapter.len());
    }
    let adapters = args.adapter.iter().map(|text| adapter(text)).collect::<anyhow::Result<_>>()?;
    let roles = args.role.iter().map(|role| Role::from(*role)).collect();
    let shown = args.module.display();
    let encoded = compiler().encode(EncodeRequest { module, roles, adapters }).await;
    let component = encoded.with_context(|| shown.to_string())?;
    replace(&args.output, &component)?;
    let (output, bytes) = (args.output.display(), component.len());
    if args.json {
        output::json(&json!({ "file": output.to_string(), "bytes": bytes }).to_string())?;
    } else {
        say!("wrote {output} ({:.1} KiB)", bytes as f64 / 1024.0);
    }
    Ok(0)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    // A link may lead to the file; anything but a regular file is refused.
    let resolved = path.canonicalize().with_context(|| format!("cannot read {}", path.display()))?;
    saggar_definition::read_regular_file(&resolved, MAX_BYTES)
        .with_context(|| format!("cannot read {}", path.display()))
}

/// Reads an adapter, given as `NAME=FILE` or `FILE`.
fn adapter(text: &str) -> anyhow::Result<Adapter> {
    let (name, file) = match text.split_once('=') {
        Some((name, file)) => (name.to_owned(), PathBuf::from(file)),
        None => {
            let file = PathBuf::from(text);
            let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            // The adapters of wasmtime's releases have names such as `wasi_snapshot_preview1.reactor.wasm`.
            (stem.split('.').next().unwrap_or_default().to_owned(), file)
        }
    };
    if name.is_empty() || name.len() > 255 {
        bail!("`--adapter {text}` has no valid name of a module; write NAME=FILE");
    }
    Ok(Adapter { bytes: read(&file)?, name })
}

/// Writes a file completely, or leaves the old one as it is.
fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let name = path.file_name().with_context(failed)?.to_string_lossy();
    let unfinished = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let write = || {
        let mut file = File::create_new(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    };
    let written = write();
    if written.is_err() {
        // The error below is the one that matters.
        let _ = fs::remove_file(&unfinished);
    }
    written.with_context(failed)
}
