//! `saggar wit` prints and writes the contract.

use std::fs;
use std::path::Path;

use saggar_tests::program::saggar;
use serde_json::Value;
use wit_parser::Resolve;

#[test]
fn the_printed_contract_is_the_contract() {
    let printed = saggar(["wit"]);
    assert_eq!((printed.code, printed.err.as_str()), (Some(0), ""));
    let mut resolve = Resolve::default();
    let package = resolve.push_str("saggar.wit", &printed.out).unwrap();
    let names: Vec<_> = resolve.packages[package].worlds.keys().cloned().collect();
    for world in ["imports", "plugin", "processor-plugin", "error-handler-plugin"] {
        assert!(names.iter().any(|name| name == world), "{world} of {names:?}");
    }
}

#[test]
fn the_written_directory_has_the_world_of_the_roles() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("made/wit");
    let path = target.to_str().unwrap();
    let wrote = saggar(["wit", "--role", "processor", "--role", "on-error", "-o", path]);
    assert_eq!((wrote.code, wrote.out.as_str()), (Some(0), ""), "{wrote:?}");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(&target).unwrap();
    let world = &resolve.worlds[resolve.packages[package].worlds["guest"]];
    assert_eq!(world.exports.len(), 2);
    assert!(!target.join("id-source.wit").exists(), "the other roles are left out");

    let again = saggar(["wit", "-o", path]);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("is not empty"), "{}", again.err);
    assert!(!target.join("id-source.wit").exists());
    assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1, "nothing unfinished is left");
}

#[test]
fn the_files_are_one_json_document() {
    let printed = saggar(["wit", "--json"]);
    let document: Value = serde_json::from_str(&printed.out).unwrap();
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let files = document["files"].as_array().unwrap();
    assert_eq!(files.len(), fs::read_dir(&contract).unwrap().count());
    for file in files {
        let name = file["name"].as_str().unwrap();
        assert_eq!(file["text"], fs::read_to_string(contract.join(name)).unwrap(), "{name}");
    }
}

#[test]
fn an_unknown_role_lists_the_roles() {
    let unknown = saggar(["wit", "--role", "worker"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.err.contains("processor") && unknown.err.contains("success-handler"), "{}", unknown.err);
}
