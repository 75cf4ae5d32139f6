//! Writes the table of the dashboard's files: type, content, compressed content and digest of each. The page gets the digest of all
//! files, which is part of their addresses, so that browsers can cache them without asking again.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

#[path = "src/page.rs"]
mod page;

/// The page, which has its own address.
const PAGE: &str = "index.html";

/// What the first screen needs, with all that these import.
const FIRST_SCREEN: [&str; 2] = ["main.js", "pages/overview.js"];

/// The modules that have a name in the page's import map.
const NAMED: [&str; 3] = ["vendor/preact.mjs", "vendor/preact-hooks.mjs", "vendor/htm.mjs"];

fn main() -> io::Result<()> {
    let assets = directory("CARGO_MANIFEST_DIR").join("assets");
    println!("cargo::rerun-if-changed={}", assets.display());
    println!("cargo::rerun-if-changed=src/page.rs");
    let mut files = Vec::new();
    collect(&assets, "", &mut files)?;
    files.sort();
    let build = build(&files);
    let modules = first_screen(&files)?;
    let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
    let source = files.iter().find(|(path, _)| path == PAGE).map(|(_, bytes)| bytes.clone());
    let source = source.ok_or_else(|| io::Error::other("there is no index.html"))?;
    let source = String::from_utf8(source).map_err(io::Error::other)?;
    let page = page::fill(&source, &build, &modules);
    let mut table = String::new();
    line(&mut table, &format!("/// The build: a digest of all files.\npub const BUILD: &str = {build:?};"));
    line(&mut table, &format!("pub(crate) const POLICY: &str = {:?};", page::policy(&page)));
    line(&mut table, &format!("pub(crate) const PAGE: Asset = {};", entry(PAGE, page.as_bytes())?));
    line(&mut table, "pub(crate) const ASSETS: &[Asset] = &[");
    for (path, bytes) in files.iter().filter(|(path, _)| path != PAGE) {
        line(&mut table, &format!("    {},", entry(path, bytes)?));
    }
    line(&mut table, "];");
    fs::write(directory("OUT_DIR").join("table.rs"), table)
}

/// Returns bytes in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn line(table: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(table, "{text}");
}

/// Returns the first 16 hexadecimal digits of a digest of all files with their names.
fn build(files: &[(String, Vec<u8>)]) -> String {
    let mut hash = Sha256::new();
    for (path, bytes) in files {
        hash.update(format!("{path}\n{}\n", bytes.len()));
        hash.update(bytes);
    }
    hex(&hash.finalize()[..8])
}

/// Returns the modules of the first screen, which the page loads before they are asked for.
fn first_screen(files: &[(String, Vec<u8>)]) -> io::Result<BTreeSet<String>> {
    let mut found: BTreeSet<String> = NAMED.map(str::to_owned).into();
    let mut open: Vec<String> = FIRST_SCREEN.map(str::to_owned).into();
    while let Some(path) = open.pop() {
        let file = files.iter().find(|(other, _)| *other == path);
        let (_, bytes) = file.ok_or_else(|| io::Error::other(format!("{path} is imported, and does not exist")))?;
        open.extend(imports(&path, &String::from_utf8_lossy(bytes)).into_iter().filter(|path| !found.contains(path)));
        found.insert(path);
    }
    Ok(found)
}

/// Returns the paths of the modules that a module imports when it is loaded, without those with a name.
fn imports(path: &str, text: &str) -> Vec<String> {
    let statements = text.lines().filter_map(|line| line.split_once("from \"").or(line.split_once("import \"")));
    let names = statements.filter_map(|(_, after)| after.split_once('"')).map(|(name, _)| name);
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let resolved = |name: &str| {
        let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        for part in name.split('/').filter(|part| *part != ".") {
            if part == ".." {
                parts.pop();
            } else {
                parts.push(part);
            }
        }
        parts.join("/")
    };
    names.filter(|name| name.starts_with('.')).map(resolved).collect()
}

/// Returns an entry of the table as source. The bytes are files beside it, because a literal of them is slow to compile.
fn entry(path: &str, bytes: &[u8]) -> io::Result<String> {
    let media_type = page::media_type(path).ok_or_else(|| io::Error::other(format!("{path}: unknown kind of file")))?;
    let digest = hex(&Sha256::digest(bytes));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    let (plain, gzip) = (format!("{digest}.bin"), format!("{digest}.gz"));
    fs::write(directory("OUT_DIR").join(&plain), bytes)?;
    fs::write(directory("OUT_DIR").join(&gzip), encoder.finish()?)?;
    let embed = |file: &str| format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{file}\"))");
    Ok(format!(
        "Asset {{ path: {path:?}, media_type: {media_type:?}, bytes: {}, gzip: {}, digest: {digest:?} }}",
        embed(&plain),
        embed(&gzip)
    ))
}

/// Collects the files below a folder, with their paths in it.
fn collect(folder: &Path, below: &str, files: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|_| io::Error::other("a name that is not UTF-8"))?;
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &path, files)?;
        } else if !name.starts_with('.') && page::media_type(&name).is_some() {
            // What editors leave behind is no part of it.
            files.push((path, fs::read(entry.path())?));
        }
    }
    Ok(())
}

fn directory(variable: &str) -> PathBuf {
    env::var_os(variable).map(PathBuf::from).unwrap_or_default()
}
