//! Rules for the dashboard: vendored files are as npm has them, modules are short, say what they own and import only downwards,
//! and nothing turns a string into HTML or code: the page shows text of guests to people with an admin's token.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};
use toml::Table;

use super::root;

const LINES_OF_A_FILE: usize = 400;

/// The folders of modules from the top; a folder imports from itself, its level's vendored libraries and those below.
const LEVELS: [&[&str]; 4] = [&["main.js"], &["pages"], &["parts", "charts", "live", "route"], &["wire"]];

/// What turns strings into HTML or code, loads from elsewhere, or is an inline style.
const BANNED: [&str; 12] = [
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "dangerouslySetInnerHTML",
    "document.write",
    "createContextualFragment",
    "DOMParser",
    "srcdoc",
    "eval(",
    "Function(",
    "https://",
    "style=\"",
];

fn dashboard() -> std::path::PathBuf {
    root().join("host/crates/dashboard")
}

/// Returns the files below a folder, with their paths in it.
fn collect(folder: &Path, below: &str, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry of a folder").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8");
        let name = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
        if path.is_dir() {
            collect(&path, &name, found);
        } else {
            found.push((name, fs::read(&path).expect("a file")));
        }
    }
}

/// Returns the dashboard's own files, without vendored ones.
fn own() -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect(&dashboard().join("assets"), "", &mut found);
    found.retain(|(path, _)| !path.starts_with("vendor/"));
    assert!(found.len() > 40, "the assets have moved: {} found", found.len());
    found.into_iter().map(|(path, bytes)| (path, String::from_utf8(bytes).expect("a text"))).collect()
}

fn offenders(mut rule: impl FnMut(&str, &str) -> Option<String>) -> String {
    own().iter().filter_map(|(path, text)| rule(path, text).map(|why| format!("\n{path}: {why}"))).collect()
}

#[test]
fn vendored_files_are_as_npm_has_them() {
    let list: Table = fs::read_to_string(dashboard().join("VENDOR.toml")).expect("VENDOR.toml").parse().expect("TOML");
    let mut files = Vec::new();
    collect(&dashboard().join("assets/vendor"), "", &mut files);
    let mut listed = BTreeSet::from(["LICENSES.txt".to_owned()]);
    for package in list["package"].as_array().expect("packages") {
        for key in ["name", "version", "licence", "url"] {
            assert!(package[key].is_str(), "{key} of {package}");
        }
        assert!(package["integrity"].as_str().is_some_and(|text| text.starts_with("sha512-")), "{package}");
        for file in package["file"].as_array().expect("files") {
            let to = file["to"].as_str().expect("a name");
            let (_, bytes) = files.iter().find(|(path, _)| path == to).unwrap_or_else(|| panic!("there is no {to}"));
            let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(Some(digest.as_str()), file["sha256"].as_str(), "{to} is not as npm has it");
            listed.insert(to.to_owned());
        }
        let licences = fs::read_to_string(dashboard().join("assets/vendor/LICENSES.txt")).expect("the licences");
        let name = format!("==== {}-{} ====", package["name"].as_str().unwrap(), package["version"].as_str().unwrap());
        assert!(licences.contains(&name), "no licence of {name}");
    }
    let found: BTreeSet<String> = files.into_iter().map(|(path, _)| path).collect();
    assert_eq!(found, listed, "files without an entry");
}

#[test]
fn modules_say_what_they_own_and_are_short() {
    let bad = offenders(|path, text| {
        let head = match path.rsplit_once('.').map(|(_, kind)| kind) {
            Some("js") => "// ",
            Some("css") => "/* ",
            Some("html") => "<!DOCTYPE html>",
            Some("svg") => "<svg ",
            _ => return Some("is neither a module, a style, a picture nor the page".to_owned()),
        };
        if !text.starts_with(head) {
            return Some(format!("does not begin with `{head}`"));
        }
        let lines = text.lines().count();
        (lines > LINES_OF_A_FILE).then(|| format!("{lines} lines; at most {LINES_OF_A_FILE}"))
    });
    assert!(bad.is_empty(), "{bad}");
}

#[test]
fn nothing_turns_a_string_into_html_or_code() {
    let bad = offenders(|_, text| {
        let found: Vec<&str> = BANNED.into_iter().filter(|banned| text.contains(banned)).collect();
        (!found.is_empty()).then(|| format!("has {}", found.join(", ")))
    });
    assert!(bad.is_empty(), "{bad}");
}

/// Returns the level of a module's folder.
fn level(path: &str) -> Option<usize> {
    let folder = path.split('/').next().unwrap_or_default();
    LEVELS.iter().position(|level| level.contains(&folder))
}

/// Returns the modules that a module imports, as paths from the root of the assets, or as names.
fn imports(path: &str, text: &str) -> Vec<String> {
    let begins = ["from \"", "import \"", "import(\""];
    let pieces = begins.iter().flat_map(|begin| text.split(begin).skip(1)).filter_map(|rest| rest.split('"').next());
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let resolved = |name: &str| {
        let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        for part in name.split('/').filter(|part| *part != ".") {
            if part == ".." {
                assert!(parts.pop().is_some(), "{path} imports {name}");
            } else {
                parts.push(part);
            }
        }
        parts.join("/")
    };
    pieces.map(|name| if name.starts_with('.') { resolved(name) } else { name.to_owned() }).collect()
}

#[test]
fn modules_import_only_downwards() {
    let own = own();
    let exists = |path: &str| own.iter().any(|(other, _)| other == path);
    let bad = offenders(|path, text| {
        let own_level = level(path)?;
        let bad: Vec<String> = imports(path, text)
            .into_iter()
            .filter(|import| match level(import) {
                Some(other) => other < own_level || !exists(import),
                None => !["preact", "preact/hooks", "htm", "vendor/uplot.mjs"].contains(&import.as_str()),
            })
            .collect();
        (!bad.is_empty()).then(|| format!("imports {}", bad.join(", ")))
    });
    assert!(bad.is_empty(), "{bad}");
}

#[test]
fn imports_are_found_in_all_forms() {
    let text =
        "import { a } from \"../wire/ask.js\";\nimport \"./b.js\";\nconst c = () => import(\"./job/page.js\");\n";
    assert_eq!(imports("pages/jobs.js", text), ["wire/ask.js", "pages/b.js", "pages/job/page.js"]);
    assert!(level("pages/job/page.js") < level("parts/table.js") && level("parts/table.js") < level("wire/ask.js"));
}
