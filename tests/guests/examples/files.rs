//! Uses files and variables as its argument says: a list of steps, each a list of an operation and its texts. Returns the
//! result of each: a text, or that of the error.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::mem::forget;

use exports::saggar::task::processor::{Failure, Guest};
use serde_json::{Value, json};
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};

struct Files;

/// Returns the C library's text of an error, without its number.
fn text(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

fn listed(path: &str) -> io::Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let is_dir = if entry.file_type()?.is_dir() { "/" } else { "" };
        names.push(format!("{}{is_dir}", entry.file_name().to_string_lossy()));
    }
    Ok(names.join(" "))
}

fn appended(path: &str, text: &str) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
}

/// Writes in the middle of a file, and returns all of it.
fn patched(path: &str, at: &str, text: &str) -> io::Result<String> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    file.seek(SeekFrom::Start(at.parse().expect("a position")))?;
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    let mut all = String::new();
    file.read_to_string(&mut all)?;
    Ok(all)
}

/// Writes `bytes` in pieces as long as it can. Returns how many were written.
fn filled(path: &str, bytes: u64) -> io::Result<String> {
    let mut file = File::create(path)?;
    let mut written = 0;
    while written < bytes {
        let piece = vec![b'x'; (bytes - written).min(1000) as usize];
        match file.write(&piece) {
            Ok(length) => written += length as u64,
            Err(error) => return Ok(format!("{written}, then {}", text(&error))),
        }
    }
    Ok(written.to_string())
}

/// Opens a file and never closes it.
fn kept(path: &str) -> io::Result<String> {
    forget(File::open(path)?);
    Ok("kept".to_owned())
}

/// Opens files until one is refused. Returns how many there are.
fn opened(path: &str) -> String {
    let mut files = Vec::new();
    loop {
        match File::open(path) {
            Ok(file) => files.push(file),
            Err(error) => return format!("{}, then {}", files.len(), text(&error)),
        }
    }
}

/// Asks the host directly, because the standard library changes paths. Returns the name of the error.
fn raw(path: &str) -> String {
    let Some((root, _)) = get_directories().into_iter().next() else { return "no directory".to_owned() };
    let results = [
        named(root.open_at(PathFlags::SYMLINK_FOLLOW, path, OpenFlags::empty(), DescriptorFlags::READ)),
        named(root.open_at(PathFlags::empty(), path, OpenFlags::CREATE, DescriptorFlags::WRITE)),
        named(root.stat_at(PathFlags::SYMLINK_FOLLOW, path)),
        named(root.readlink_at(path)),
        named(root.symlink_at("target", path)),
        named(root.link_at(PathFlags::empty(), path, &root, "linked")),
        named(root.rename_at(path, &root, "renamed")),
        named(root.unlink_file_at(path)),
    ];
    results.join(" ")
}

fn named<T>(result: Result<T, wasip2::filesystem::types::ErrorCode>) -> &'static str {
    match result {
        Ok(_) => "done",
        Err(error) => error.name(),
    }
}

/// Makes directories inside each other until one is refused, each from a handle of the one before.
fn nested() -> String {
    let Some((mut dir, _)) = get_directories().into_iter().next() else { return "no directory".to_owned() };
    let open = |dir: &Descriptor| dir.open_at(PathFlags::empty(), "d", OpenFlags::DIRECTORY, DescriptorFlags::READ);
    for depth in 0.. {
        match dir.create_directory_at("d").and_then(|()| open(&dir)) {
            Ok(next) => dir = next,
            Err(error) => return format!("{depth}, then {}", error.name()),
        }
    }
    unreachable!()
}

fn result(step: &[&str]) -> io::Result<String> {
    match step {
        ["env", name] => Ok(std::env::var(name).unwrap_or_else(|_| "not set".to_owned())),
        ["vars"] => Ok(std::env::vars().map(|(name, _)| name).collect::<Vec<_>>().join(" ")),
        ["dirs"] => Ok(get_directories().into_iter().map(|(_, path)| path).collect::<Vec<_>>().join(" ")),
        ["read", path] => fs::read_to_string(path),
        ["write", path, text] => fs::write(path, text).map(|()| "done".to_owned()),
        ["append", path, text] => appended(path, text).map(|()| "done".to_owned()),
        ["patch", path, at, text] => patched(path, at, text),
        ["fill", path, bytes] => filled(path, bytes.parse().expect("a number")),
        ["list", path] => listed(path),
        ["size", path] => fs::metadata(path).map(|metadata| metadata.len().to_string()),
        ["mkdir", path] => fs::create_dir(path).map(|()| "done".to_owned()),
        ["rmdir", path] => fs::remove_dir(path).map(|()| "done".to_owned()),
        ["remove", path] => fs::remove_file(path).map(|()| "done".to_owned()),
        ["rename", path, to] => fs::rename(path, to).map(|()| "done".to_owned()),
        ["keep", path] => kept(path),
        ["open many", path] => Ok(opened(path)),
        ["raw", path] => Ok(raw(path)),
        ["nest"] => Ok(nested()),
        ["trap"] => core::arch::wasm32::unreachable(),
        ["spin"] => loop {
            core::hint::black_box(());
        },
        unknown => panic!("unknown step: {unknown:?}"),
    }
}

impl Guest for Files {
    fn process(_id: u64, args: String) -> Result<String, Failure> {
        let (steps,): (Vec<Vec<String>>,) = serde_json::from_str(&args).expect("a list of steps");
        let results: Vec<Value> = steps
            .iter()
            .map(|step| {
                let step: Vec<&str> = step.iter().map(String::as_str).collect();
                json!(result(&step).unwrap_or_else(|error| text(&error)))
            })
            .collect();
        Ok(json!(results).to_string())
    }
}

export!(Files);
