//! `saggar check` of each capability: without a grant, with a narrower one, and with the right one.

use saggar_tests::app::App;
use saggar_tests::program::{command, output, saggar_on};
use serde_json::{Value, json};

use crate::{app, operator};

/// Checks an app with this configuration; returns the exit code and the document.
fn check(app: &App, configuration: &str) -> (Option<i32>, Value) {
    let operator = operator(configuration);
    let mut check = command();
    check.arg("check").arg(app.path()).arg("--json").arg("--config").arg(operator.path().join("host.toml"));
    let said = output(check.env("REGION", "eu-west"));
    assert!(!said.out.contains("eu-west"), "the value of a variable is shown: {}", said.out);
    (said.code, serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}")))
}

/// Returns the only problem of a refused request: its message and its help.
fn refused(sandbox: &Value, configuration: &str) -> String {
    let (code, document) = check(&app(sandbox), configuration);
    let problems = document["problems"].as_array().expect("problems");
    assert_eq!((code, problems.len()), (Some(1), 1), "{sandbox} {configuration}: {document:#}");
    let problem = &problems[0];
    assert_eq!(problem["location"]["file"], "tasks/it.json", "{problem}");
    assert!(problem["location"]["position"]["column"].as_u64() > Some(30), "it is at the request: {problem}");
    format!("{}\n{}", problem["message"].as_str().expect("a message"), problem["help"].as_str().expect("help"))
}

/// Returns what is in force of a capability.
fn in_force(sandbox: &Value, configuration: &str, capability: &str) -> Value {
    let (code, document) = check(&app(sandbox), configuration);
    assert_eq!(code, Some(0), "{sandbox} {configuration}: {document:#}");
    document["tasks"][0]["capabilities"][capability]["in_force"].clone()
}

/// A capability: its name, a request, a configuration that grants less, parts of what is said without and with that one, a
/// configuration that suffices, and what is in force then.
type Case = (&'static str, Value, &'static str, [&'static str; 2], &'static str, &'static str, Value);

fn cases() -> [Case; 6] {
    [
        (
            "http",
            json!({ "http": { "origins": ["https://api.example.com"], "methods": ["GET"] } }),
            "[grants.http]\norigins = [\"https://www.example.com\", \"https://*.example.net\"]\n",
            [
                "HTTP to `https://api.example.com`, which is not granted",
                "add `\"https://api.example.com\"` to `origins` below `[grants.http]`",
            ],
            "the operator grants `https://www.example.com`, `https://*.example.net`",
            "[grants.http]\norigins = [\"https://*.example.com\"]\nnetworks = [\"10.1.0.0/16\"]\n",
            json!({ "origins": ["https://api.example.com"], "methods": ["GET"], "networks": ["10.1.0.0/16"] }),
        ),
        (
            "kv",
            json!({ "kv": { "access": "write", "prefix": "mail/" } }),
            "[grants.kv]\naccess = \"read\"\n",
            [
                "to write values of the key-value store, which is not granted",
                "write `access = \"write\"` below `[grants.kv]`",
            ],
            "the operator grants `read`",
            "[grants.kv]\nkeys = 7\n",
            json!({ "access": "write", "prefix": "mail/", "bytes": "64MiB", "keys": 7 }),
        ),
        (
            "env",
            json!({ "env": ["REGION"] }),
            "[grants]\nenv = [\"OTHER\"]\n",
            ["the environment variable `REGION`, which is not granted", "add `\"REGION\"` to `env` below `[grants]`"],
            "the operator grants `OTHER`",
            "[grants]\nenv = [\"OTHER\", \"REGION\"]\n",
            json!(["REGION"]),
        ),
        (
            "dirs",
            json!({ "dirs": [{ "name": "data", "write": true }] }),
            "[grants.dirs.data]\npath = \"/srv/data\"\n",
            ["the directory `data`, which is not granted", "write `path = …` below `[grants.dirs.data]`"],
            "to write to the directory `data`, and the operator grants to read it",
            "[grants.dirs.data]\npath = \"/srv/data\"\naccess = \"write\"\nfiles = 5\n",
            json!([{ "name": "data", "access": "write", "bytes": "1GiB", "files": 5 }]),
        ),
        (
            "scratch",
            json!({ "scratch": "16MiB" }),
            "[grants]\nscratch = \"1MiB\"\n",
            ["a scratch directory of 16MiB, which is not granted", "write `scratch = \"16MiB\"` below `[grants]`"],
            "the operator grants `at most 1MiB`",
            "[grants]\nscratch = \"1GiB\"\n",
            json!("16MiB"),
        ),
        (
            "tasks",
            json!({ "tasks": { "add": ["mail.*"], "jobs": "added" } }),
            "",
            ["", ""],
            "",
            "[grants]\ntasks = \"added\"\n",
            json!({ "add": ["mail.*"], "jobs": "added" }),
        ),
    ]
}

#[test]
fn each_request_without_a_sufficient_grant_is_a_load_error() {
    for (_, sandbox, narrower, without, with_less, ..) in cases().into_iter().filter(|case| !case.2.is_empty()) {
        let said = refused(&sandbox, "");
        for part in without {
            assert!(said.contains(part), "no `{part}` in:\n{said}");
        }
        let said = refused(&sandbox, narrower);
        assert!(said.contains(with_less), "no `{with_less}` in:\n{said}");
    }
}

#[test]
fn what_is_requested_and_granted_is_in_force() {
    for (capability, sandbox, .., right, expected) in cases() {
        assert_eq!(in_force(&sandbox, right, capability), expected, "{capability}");
    }
}

#[test]
fn a_grant_without_a_request_gives_nothing() {
    let all: String = cases().iter().map(|case| case.5).filter(|text| text.starts_with("[grants.")).collect();
    let (code, document) = check(&app(&json!({})), &all);
    assert_eq!(code, Some(0), "{document:#}");
    let capabilities = &document["tasks"][0]["capabilities"];
    for name in ["http", "secrets", "kv", "env", "dirs", "scratch"] {
        assert_eq!(capabilities[name]["in_force"], json!(null), "{name}");
    }
    assert_eq!(capabilities["kv"]["granted"]["keys"], 7, "what could be requested is shown");
}

#[test]
fn access_to_all_jobs_is_granted_to_the_only_app_of_a_host_by_default() {
    let all = json!({ "tasks": "all" });
    assert_eq!(in_force(&all, "", "tasks"), json!({ "add": ["*"], "jobs": "all" }));
    let said = refused(&all, "[grants]\ntasks = \"added\"\n");
    assert!(
        said.contains("access to all jobs of the app, and the operator grants access to those that it added"),
        "{said}"
    );
}

#[test]
fn a_secret_is_granted_by_its_name_and_needs_http() {
    let http = "[grants.http]\norigins = [\"https://api.stripe.com\"]\n";
    let secret = "[grants.secrets.stripe]\nfile = \"/run/secrets/stripe\"\norigins = [\"https://api.stripe.com\"]\n";
    let request = json!({ "http": ["https://api.stripe.com"], "secrets": ["stripe"] });
    let said = refused(&request, http);
    assert!(
        said.contains("the secret `stripe`, which is not granted") && said.contains("[grants.secrets.stripe]"),
        "{said}"
    );
    let said = refused(&request, &format!("{http}{}", secret.replace("secrets.stripe", "secrets.other")));
    assert!(said.contains("the operator grants `other`"), "{said}");
    let said = refused(&json!({ "secrets": ["stripe"] }), &format!("{http}{secret}"));
    assert!(said.contains("and no HTTP to send it"), "{said}");
    let expected = json!([{ "name": "stripe", "origins": ["https://api.stripe.com"], "header": "authorization" }]);
    assert_eq!(in_force(&request, &format!("{http}{secret}"), "secrets"), expected);
}

#[test]
fn a_method_that_is_not_granted_is_refused() {
    let grants = "[grants.http]\norigins = [\"https://a.example\"]\nmethods = [\"GET\"]\n";
    let said = refused(&json!({ "http": { "origins": ["https://a.example"], "methods": ["GET", "PUT"] } }), grants);
    assert!(said.contains("the method PUT, and the operator grants `GET`"), "{said}");
    let all_that_are_granted = in_force(&json!({ "http": ["https://a.example"] }), grants, "http");
    assert_eq!(all_that_are_granted["methods"], json!(["GET"]));
}

#[test]
fn a_granted_variable_has_to_be_set() {
    let said = refused(&json!({ "env": ["SAGGAR_TEST_UNSET"] }), "[grants]\nenv = [\"SAGGAR_TEST_UNSET\"]\n");
    assert!(said.contains("`SAGGAR_TEST_UNSET` is granted, and not set"), "{said}");
}

#[test]
fn the_text_has_a_line_for_what_is_asked_granted_and_in_force() {
    let operator = operator("[grants.kv]\nbytes = \"1MiB\"\n");
    let config = operator.path().join("host.toml");
    let app = app(&json!({ "kv": "read" }));
    let said = saggar_on("check", &app, &["--config", config.to_str().expect("a path in UTF-8")]);
    assert_eq!(said.code, Some(0), "{said:?}");
    for line in [
        "  kv asked               read",
        "  kv granted             access write; bytes 1MiB; keys 100000",
        "  kv in force            access read; bytes 1MiB; keys 100000",
        "  tasks asked            added",
        "  tasks granted          all",
    ] {
        assert!(said.out.lines().any(|printed| printed == line), "no line `{line}` in:\n{}", said.out);
    }
    assert!(!said.out.contains("scratch"), "what is neither asked nor granted is left out: {}", said.out);
}

/// Otherwise a downloaded app could grant itself what it requests.
#[test]
fn an_app_cannot_grant_anything_to_itself() {
    let app = app(&json!({ "env": ["REGION"] })).file("saggar.toml", "[grants]\nenv = [\"REGION\"]\n");
    let said = output(command().arg("check").arg(app.path()).env("REGION", "eu"));
    assert_eq!(said.code, Some(1), "{said:?}");
    for part in ["an app's own saggar.toml cannot grant anything", "--config FILE", "`REGION`, which is not granted"] {
        assert!(said.err.contains(part), "no `{part}` in:\n{}", said.err);
    }
}
