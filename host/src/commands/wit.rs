//! `saggar wit`: prints the contract between host and plugins, or writes it to a directory.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use saggar::Role;
use saggar_sandbox::{WitFile, wit_files, wit_text};
use serde_json::{Value, json};

use super::output;
use crate::cli::author::Wit;

pub(crate) fn run(args: &Wit) -> anyhow::Result<u8> {
    let roles: Vec<Role> = args.role.iter().map(|role| Role::from(*role)).collect();
    match &args.output {
        Some(directory) => write_files(directory, &wit_files(&roles))?,
        None if args.json => {
            let file = |file: &WitFile| json!({ "name": file.name, "text": file.text });
            let files: Vec<Value> = wit_files(&roles).iter().map(file).collect();
            output::json(&json!({ "files": files }).to_string())?;
        }
        None => {
            output::write(&wit_text(&roles))?;
        }
    }
    Ok(0)
}

/// Writes the files to a new or empty directory, all or nothing.
fn write_files(directory: &Path, files: &[WitFile]) -> anyhow::Result<()> {
    let shown = directory.display();
    let is_used = match fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(error).with_context(|| format!("cannot read the directory {shown}")),
    };
    if is_used {
        bail!("the directory {shown} is not empty; remove it, or choose another one, so that no outdated file stays");
    }
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("cannot create the directory {}", parent.display()))?;
    let name = directory.file_name().context("the directory has no name")?.to_string_lossy();
    let unfinished = parent.join(format!(".{name}.{}.new", std::process::id()));
    let written = write_all(&unfinished, files).and_then(|()| fs::rename(&unfinished, directory));
    if written.is_err() {
        // The error below is the one that matters.
        let _ = fs::remove_dir_all(&unfinished);
    }
    written.with_context(|| format!("cannot write the contract to {shown}"))?;
    say!("wrote {} files to {shown}", files.len());
    Ok(())
}

fn write_all(directory: &Path, files: &[WitFile]) -> std::io::Result<()> {
    fs::create_dir(directory)?;
    files.iter().try_for_each(|file| fs::write(directory.join(file.name), &*file.text))
}
