//! Every key from each of its three sources.

use std::process::Command;

use saggar_tests::program::output;
use serde_json::{Value, json};

use super::{app, named, plain};

const DIGEST: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

/// Each key with a value as written in the file, and with three values as shown, which is also how a variable or a flag
/// is written: one for the file, one for the variable, one for the flag. None of them is a default.
const KEYS: [(&str, &str, [&str; 3]); 26] = [
    ("listen", "\"127.0.0.2:1\"", ["127.0.0.2:1", "127.0.0.2:2", "127.0.0.2:3"]),
    ("token", "[{ role = \"read\", name = \"a\", sha256 = \"DIGEST\" }]", ["a", "b", "c"]),
    ("store", "\"memory\"", ["memory", "sqlite:v.db", "sqlite:f.db"]),
    ("durability", "\"normal\"", ["normal"; 3]),
    ("drain", "1", ["1s", "2s", "3s"]),
    ("harden", "\"off\"", ["off", "require", "off"]),
    ("allow_root", "\"yes\"", ["yes"; 3]),
    ("allocator", "\"on-demand\"", ["on-demand"; 3]),
    ("cache_dir", "\"/a\"", ["/a", "/b", "/c"]),
    ("keep_bytes", "\"1MiB\"", ["1MiB", "2MiB", "3GiB"]),
    ("keep_versions", "\"1MiB\"", ["1MiB", "2MiB", "3GiB"]),
    ("env_allow", "[\"A_*\", \"B\"]", ["A_*,B", "C", "D_*,E"]),
    ("events.keep", "1", ["1", "2", "3"]),
    ("http.connections", "101", ["101", "102", "103"]),
    ("http.address_share", "0.25", ["0.25", "0.5", "0.125"]),
    ("http.streams", "11", ["11", "12", "13"]),
    ("http.head_time", "\"5s\"", ["5s", "6s", "7s"]),
    ("http.write_time", "5", ["5s", "6s", "7s"]),
    ("http.head_bytes", "9216", ["9KiB", "10KiB", "11KiB"]),
    ("http.headers", "21", ["21", "22", "23"]),
    ("log.level", "\"warn\"", ["warn", "error", "off"]),
    ("log.format", "\"json\"", ["json"; 3]),
    ("audit.log", "true", ["true"; 3]),
    ("otlp.endpoint", "\"http://a:1\"", ["http://a:1", "http://b:2", "http://c:3"]),
    ("otlp.sample", "0.25", ["0.25", "0.5", "0.75"]),
    ("otlp.service_name", "\"a\"", ["a", "b", "c"]),
];

/// Returns all settings of a run.
fn settings(config: &mut Command) -> Vec<Value> {
    let said = output(config.arg("--json"));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let document: Value = serde_json::from_str(&said.out).expect("one JSON document");
    document["settings"].as_array().expect("a list").clone()
}

/// Asserts that each key has the value from this source, and names the source.
fn check(found: &[Value], at: usize, from: impl Fn(&str) -> Value) {
    let keys: Vec<_> = found.iter().map(|setting| setting["key"].as_str().expect("a key")).collect();
    assert_eq!(keys, KEYS.map(|(key, ..)| key));
    for ((key, _, shown), setting) in KEYS.iter().zip(found) {
        let value = if *key == "token" { &setting["value"][0]["name"] } else { &setting["value"] };
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        assert_eq!(value, shown[at], "{key}");
        let wanted = from(key);
        assert!(
            wanted.as_object().expect("members").iter().all(|(name, of)| setting["from"][name] == *of),
            "{setting}"
        );
    }
}

/// Returns a value as written in a variable or a flag.
fn given(key: &str, shown: &str) -> String {
    if key == "token" { format!("read:{DIGEST}:{shown}") } else { shown.to_owned() }
}

fn variable(key: &str) -> String {
    let plural = if key == "token" { "S" } else { "" };
    format!("SAGGAR_{}{plural}", key.replace('.', "_").to_uppercase())
}

fn flag(key: &str) -> String {
    format!("--{}", key.replace(['.', '_'], "-"))
}

/// Returns a file with all keys; the keys of a table are adjacent in [`KEYS`].
fn file() -> String {
    let (mut file, mut table) = (String::new(), "");
    for (key, value, _) in KEYS {
        let (of, leaf) = key.split_once('.').unwrap_or(("", key));
        if of != table {
            file += &format!("[{of}]\n");
            table = of;
        }
        file += &format!("{leaf} = {}\n", value.replace("DIGEST", DIGEST));
    }
    file
}

#[test]
fn every_key_can_be_set_in_the_file() {
    let (app, operators) = (app(""), named(&file()));
    let found = settings(plain("config", &app).arg("--config").arg(operators.path().join("host.toml")));
    check(&found, 0, |_| json!({ "kind": "file" }));
}

#[test]
fn every_key_can_be_set_in_the_environment() {
    let variables = KEYS.map(|(key, _, shown)| (variable(key), given(key, shown[1])));
    let (app, operators) = (app(""), named(&file()));
    let config = operators.path().join("host.toml");
    let found = settings(plain("config", &app).arg("--config").arg(config).envs(variables));
    check(&found, 1, |key| json!({ "kind": "environment", "name": variable(key) }));
}

#[test]
fn every_key_can_be_set_by_its_flag() {
    let variables = KEYS.map(|(key, _, shown)| (variable(key), given(key, shown[1])));
    let flags = KEYS.map(|(key, _, shown)| [flag(key), given(key, shown[2])]);
    let (app, operators) = (app(""), named(&file()));
    let config = operators.path().join("host.toml");
    let mut command = plain("config", &app);
    let found = settings(command.arg("--config").arg(config).envs(variables).args(flags.iter().flatten()));
    check(&found, 2, |key| json!({ "kind": "flag", "name": flag(key) }));
}
