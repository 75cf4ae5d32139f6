//! `saggar new`: writes an app, a task or a plugin from a template. Never replaces a file, and installs nothing.
//!
//! `template` has the files; this module decides where they go and writes them.

mod template;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::json;

use super::{output, show};
use crate::cli::author::{Language, New, TemplateKind};
use template::Template;

/// Maximum length of a name. Every file system supports files with such names.
const MAX_NAME: usize = 64;

pub(crate) fn run(args: &New) -> anyhow::Result<u8> {
    check_name(args.what, &args.name)?;
    let template = template(args)?;
    let root = match args.what {
        TemplateKind::Task => app_of_task(args)?,
        TemplateKind::App | TemplateKind::Plugin => new_directory(&within(&args.dir).join(&args.name))?,
    };
    write_all(&root, &template)?;
    let files: Vec<_> = template.files.keys().map(|file| root.join(file).display().to_string()).collect();
    let next = template.commands(&root);
    if args.json {
        output::json(&json!({ "files": files, "next": next }).to_string())?;
        return Ok(0);
    }
    say!("wrote {} files; next:\n", files.len());
    next.iter().try_for_each(|command| show::line(&format!("  {command}")))?;
    Ok(0)
}

fn template(args: &New) -> anyhow::Result<Template> {
    match (args.what, args.lang) {
        (TemplateKind::App, lang) => Template::app(&args.name, lang.unwrap_or(Language::Script)),
        (TemplateKind::Task, lang) => Template::task(&args.name, lang.unwrap_or(Language::Script)),
        (TemplateKind::Plugin, Some(Language::Script)) => {
            bail!("a script needs no plugin: `saggar new task {} --lang script` writes a task with a script", args.name)
        }
        (TemplateKind::Plugin, lang) => Template::plugin(&args.name, lang.unwrap_or(Language::Rust)),
    }
}

/// Checks a name, which becomes the name of files, of packages, and part of a reference.
fn check_name(what: TemplateKind, name: &str) -> anyhow::Result<()> {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase())
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
    };
    let is_valid = match what {
        TemplateKind::Task => name.split('.').all(is_part),
        TemplateKind::App | TemplateKind::Plugin => is_part(name),
    };
    if is_valid && name.len() <= MAX_NAME {
        return Ok(());
    }
    let dots = if what == TemplateKind::Task { "; the id of a task may have dots, such as `mail.send`" } else { "" };
    bail!(
        "invalid name `{}`: it must begin with a letter from a to z, and have at most {MAX_NAME} such letters, digits, \
         `-` and `_`{dots}",
        saggar_sandbox::escaped(name)
    )
}

/// Returns the app that a task is written to.
fn app_of_task(args: &New) -> anyhow::Result<PathBuf> {
    if !args.dir.join("tasks").is_dir() {
        bail!(
            "{} is not an app: it has no directory `tasks`; `saggar new app NAME` writes an app, and `--dir` names one",
            args.dir.display()
        );
    }
    Ok(within(&args.dir))
}

/// Returns a directory as a prefix of paths, which is empty for the current one.
fn within(directory: &Path) -> PathBuf {
    if directory == Path::new(".") { PathBuf::new() } else { directory.to_owned() }
}

/// Checks that a directory does not exist yet, or is empty.
fn new_directory(path: &Path) -> anyhow::Result<PathBuf> {
    match fs::read_dir(path).map(|mut entries| entries.next().is_some()) {
        Ok(false) => Ok(path.to_owned()),
        Ok(true) => bail!("the directory {} is not empty; choose another name", path.display()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(error).with_context(|| format!("cannot create the directory {}", path.display())),
    }
}

/// Writes all files, or none if one exists.
fn write_all(root: &Path, template: &Template) -> anyhow::Result<()> {
    let existing: Vec<_> = template.files.keys().filter(|file| root.join(file).symlink_metadata().is_ok()).collect();
    if !existing.is_empty() {
        let names: Vec<_> = existing.iter().map(|file| file.display().to_string()).collect();
        bail!("these files exist already in {}: {}; choose another name", root.display(), names.join(", "));
    }
    let mut written = Vec::new();
    for (file, text) in &template.files {
        let path = root.join(file);
        if let Err(error) = write(&path, text, &mut written) {
            for path in written {
                // The error below is the one that matters.
                let _ = fs::remove_file(path);
            }
            return Err(error).with_context(|| format!("cannot write {}", path.display()));
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str, written: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = fs::File::create_new(path)?;
    written.push(path.to_owned());
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_files_packages_and_references() {
        for (what, name) in
            [(TemplateKind::App, "shop"), (TemplateKind::Plugin, "resize-2_x"), (TemplateKind::Task, "mail.send")]
        {
            check_name(what, name).unwrap();
        }
        for name in ["", ".", "..", "../x", "a/b", "A", "1a", "a b", "-a", "a.", "a..b", "\u{1b}[2J", &"a".repeat(65)] {
            for what in [TemplateKind::App, TemplateKind::Plugin, TemplateKind::Task] {
                assert!(check_name(what, name).is_err(), "{what:?} {name:?}");
            }
        }
        assert!(check_name(TemplateKind::App, "mail.send").is_err());
    }
}
