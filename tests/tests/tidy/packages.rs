//! Rules for packages: which may depend on which, that only one depends on wasmtime, and that all use the workspace's
//! lints.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use saggar_tests::crafted::contract;
use toml::Table;

use super::root;

/// The packages of the workspace that each package of the host may depend on: the arrows of the design.
///
/// The package `saggar` wires the others together and may use all; packages on the same level do not depend on each
/// other.
const ARROWS: [(&str, &[&str]); 20] = [
    ("saggar-job", &[]),
    ("saggar-json", &[]),
    ("saggar-kv", &["saggar-job"]),
    ("saggar-tenant", &[]),
    ("saggar-grant", &[]),
    ("saggar-harden", &[]),
    ("saggar-files", &[]),
    ("saggar-definition", &["saggar-grant", "saggar-job"]),
    ("saggar-store", &["saggar-job", "saggar-json", "saggar-kv", "saggar-tenant"]),
    ("saggar-store-sqlite", &["saggar-job", "saggar-kv", "saggar-store", "saggar-tenant"]),
    ("saggar-queue", &["saggar-job", "saggar-json", "saggar-store", "saggar-tenant"]),
    ("saggar-http-client", &["saggar-grant", "saggar-tenant"]),
    (
        "saggar-sandbox",
        &[
            "saggar-files",
            "saggar-harden",
            "saggar-http-client",
            "saggar-job",
            "saggar-json",
            "saggar-kv",
            "saggar-tenant",
        ],
    ),
    ("saggar-record", &["saggar-files", "saggar-http-client", "saggar-job", "saggar-kv", "saggar-sandbox"]),
    (
        "saggar-worker",
        &[
            "saggar-definition",
            "saggar-files",
            "saggar-grant",
            "saggar-http-client",
            "saggar-job",
            "saggar-json",
            "saggar-queue",
            "saggar-record",
            "saggar-sandbox",
            "saggar-tenant",
        ],
    ),
    ("saggar-wire", &[]),
    ("saggar-api", &["saggar-definition", "saggar-job", "saggar-json", "saggar-queue", "saggar-tenant", "saggar-wire"]),
    ("saggar-client", &["saggar-wire"]),
    // It checks the script runner as bare wasmtime runs it.
    ("saggar-script-runner-harness", &[]),
    (
        "saggar",
        &[
            "saggar-api",
            "saggar-client",
            "saggar-definition",
            "saggar-files",
            "saggar-grant",
            "saggar-harden",
            "saggar-http-client",
            "saggar-job",
            "saggar-json",
            "saggar-queue",
            "saggar-record",
            "saggar-sandbox",
            "saggar-store-sqlite",
            "saggar-tenant",
            "saggar-wire",
            "saggar-worker",
        ],
    ),
];

const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

fn manifest(folder: &Path) -> Table {
    let path = folder.join("Cargo.toml");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the manifests of the workspace's packages by their names.
fn packages() -> BTreeMap<String, Table> {
    let members = manifest(&root())["workspace"]["members"].as_array().expect("members").clone();
    let mut found = BTreeMap::new();
    for member in members.iter().filter_map(|member| member.as_str()) {
        let folders: Vec<_> = match member.strip_suffix("/*") {
            None => vec![root().join(member)],
            Some(parent) => fs::read_dir(root().join(parent))
                .expect("a folder of packages")
                .map(|entry| entry.expect("an entry of a folder").path())
                .filter(|folder| folder.join("Cargo.toml").is_file())
                .collect(),
        };
        for folder in folders {
            let manifest = manifest(&folder);
            let name = manifest["package"]["name"].as_str().expect("a name").to_owned();
            found.insert(name, manifest);
        }
    }
    found
}

fn depends_on(package: &Table, kind: &str) -> Vec<String> {
    let names = package.get(kind).and_then(|table| table.as_table()).into_iter().flat_map(Table::keys);
    names.cloned().collect()
}

#[test]
fn packages_depend_on_each_other_as_designed() {
    let packages = packages();
    for (name, allowed) in ARROWS {
        let mut used = depends_on(&packages[name], "dependencies");
        used.retain(|other| packages.contains_key(other));
        for other in used {
            assert!(allowed.contains(&other.as_str()), "{name} must not depend on {other}");
        }
    }
    let host_side = ARROWS.map(|(name, _)| name);
    let unknown: Vec<_> =
        packages.keys().filter(|name| name.starts_with("saggar") && !host_side.contains(&name.as_str())).collect();
    assert_eq!(unknown, ["saggar-guest", "saggar-guest-macros", "saggar-tests"], "a package without arrows");
    for guest_side in ["saggar-guest", "saggar-guest-macros", "xtask"] {
        let used = depends_on(&packages[guest_side], "dependencies");
        assert!(!used.iter().any(|other| host_side.contains(&other.as_str())), "{guest_side} uses the host: {used:?}");
    }
}

#[test]
fn the_domain_has_no_dependencies() {
    assert_eq!(depends_on(&packages()["saggar-job"], "dependencies"), Vec::<String>::new());
}

#[test]
fn only_the_sandbox_and_the_harness_of_scripts_depend_on_wasmtime() {
    let uses_wasmtime = |package: &Table| {
        let all = KINDS.into_iter().flat_map(|kind| depends_on(package, kind));
        all.into_iter().any(|name| name.starts_with("wasmtime"))
    };
    let found: Vec<_> =
        packages().into_iter().filter(|(_, package)| uses_wasmtime(package)).map(|(name, _)| name).collect();
    assert_eq!(found, ["saggar-sandbox", "saggar-script-runner-harness"]);
}

#[test]
fn every_package_uses_the_lints_of_the_workspace() {
    let lax = |package: &Table| {
        let lints = package.get("lints").and_then(|lints| lints.get("workspace"));
        lints.and_then(|workspace| workspace.as_bool()) != Some(true)
    };
    let lax: Vec<_> = packages().into_iter().filter(|(_, package)| lax(package)).map(|(name, _)| name).collect();
    assert_eq!(lax, Vec::<String>::new());
}

#[test]
fn every_import_of_the_contract_has_its_file() {
    let (resolve, package) = contract().unwrap();
    let world = &resolve.worlds[resolve.packages[package].worlds["imports"]];
    let imports = root().join("host/crates/sandbox/src/imports");
    let functions = world.imports.iter().filter_map(|(_, item)| match item {
        wit_parser::WorldItem::Interface { id, .. } => Some(&resolve.interfaces[*id]),
        _ => None,
    });
    let mut names: Vec<_> =
        functions.filter(|interface| !interface.functions.is_empty()).filter_map(|i| i.name.as_deref()).collect();
    names.sort_unstable();
    let entries = fs::read_dir(&imports).expect("the sandbox's imports");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name().into_string().unwrap()).collect();
    files.sort_unstable();
    assert_eq!(files, names.iter().map(|name| format!("{name}.rs")).collect::<Vec<_>>());
}
