//! Keys that an app's own `saggar.toml` must not set for the operator of a host, and the warning about the keys that it
//! may set.

use std::fs;

use saggar_tests::program::output;
use saggar_tests::server::Server;
use serde_json::{Value, json};

use super::{app, named, plain};

/// Compiled code runs without checks. An app that contains compiled code and sets its directory is refused.
#[test]
fn an_app_cannot_provide_compiled_code() {
    for line in ["cache_dir = \"compiled\"", "cache_dir = \"/tmp\"", "'cache_dir' = 5"] {
        let app = app(line).file("compiled/forged.cwasm", "native code");
        for (command, code) in [("serve", 2), ("config", 2), ("check", 1)] {
            let said = output(&mut plain(command, &app));
            assert_eq!(said.code, Some(code), "{command}: {said:?}");
            for part in ["saggar.toml:1:1", "cannot set `cache_dir`", "--cache-dir", "SAGGAR_CACHE_DIR", "--config"] {
                assert!(said.err.contains(part), "{command}: no `{part}` in {}", said.err);
            }
        }
        let run = output(plain("run", &app).args(["echo", "x"]));
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        let entries: Vec<_> = fs::read_dir(app.path().join("compiled")).expect("the folder").collect();
        assert_eq!(entries.len(), 1, "something was compiled into it: {entries:?}");
    }
}

/// Otherwise task files could expose any variable of the host through the API.
#[test]
fn an_app_cannot_allow_itself_variables_of_the_host() {
    let app = app("env_allow = [\"PATH\"]");
    for (command, code) in [("serve", 2), ("config", 2), ("check", 1)] {
        let said = output(&mut plain(command, &app));
        assert_eq!(said.code, Some(code), "{command}: {said:?}");
        for part in ["saggar.toml:1:1", "cannot set `env_allow`", "SAGGAR_ENV_ALLOW", "--config"] {
            assert!(said.err.contains(part), "{command}: no `{part}` in {}", said.err);
        }
    }
}

/// Otherwise an app could keep rights that the host gives up, for code of its own that escapes.
#[test]
fn an_app_cannot_lower_the_second_wall() {
    for (key, line) in [("harden", "harden = \"off\""), ("allow_root", "allow_root = \"yes\"")] {
        let app = app(line);
        for (command, code) in [("serve", 2), ("config", 2), ("check", 1)] {
            let said = output(&mut plain(command, &app));
            assert_eq!(said.code, Some(code), "{command}: {said:?}");
            for part in ["saggar.toml:1:1", &format!("cannot set `{key}`"), "--config"] {
                assert!(said.err.contains(part), "{command}: no `{part}` in {}", said.err);
            }
        }
    }
}

/// Otherwise an app could open any directory to code of its own that escapes, because the host writes to the store's.
#[test]
fn an_app_cannot_put_the_store_elsewhere() {
    let elsewhere = named("");
    let store = elsewhere.path().join("new/jobs.db");
    let app = app(&format!("store = \"sqlite:{}\"", store.display()));
    for (command, code) in [("serve", 2), ("config", 2), ("check", 1)] {
        let said = output(&mut plain(command, &app));
        assert_eq!(said.code, Some(code), "{command}: {said:?}");
        for part in
            ["saggar.toml:1:9", "cannot put the store outside of the app", "--store", "SAGGAR_STORE", "--config"]
        {
            assert!(said.err.contains(part), "{command}: no `{part}` in {}", said.err);
        }
    }
    assert!(!elsewhere.path().join("new").exists(), "nothing is created there");
    let config = output(plain("config", &app).args(["--store", "memory"]));
    assert_eq!(config.code, Some(0), "{config:?}");
}

/// The operator can name any file, even the app's own, and set every key in it.
#[test]
fn a_file_named_by_the_operator_may_set_every_key() {
    let app = app("cache_dir = \"compiled\"\n");
    let config = app.path().join("saggar.toml");
    let said = output(plain("run", &app).arg("--config").arg(&config).args(["echo", "x"]));
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (Some(0), "[\"x\"]\n", ""));
    assert!(fs::read_dir(app.path().join("compiled")).expect("the cache").next().is_some());
}

/// The app's own file is not read then, so neither its settings nor its errors count.
#[test]
fn a_named_file_replaces_the_apps_own() {
    let own = named("drain = 7\n");
    let config = own.path().join("host.toml");
    for bad in
        ["cache_dir = \"compiled\"", "listen = \"0.0.0.0:1\"", "no toml", "otlp.endpoint = \"http://evil.example\""]
    {
        let app = app(bad);
        for variable in [false, true] {
            let mut command = plain("config", &app);
            match variable {
                false => command.arg("--config").arg(&config),
                true => command.env("SAGGAR_CONFIG", &config),
            };
            let said = output(command.arg("--json"));
            let document: Value = serde_json::from_str(&said.out).expect("one JSON document");
            assert_eq!((said.code, &document["problems"]), (Some(0), &json!([])), "{bad}");
            let given = |setting: &Value| (setting["from"]["kind"] == "file").then(|| setting["key"].clone());
            let given: Vec<Value> = document["settings"].as_array().expect("a list").iter().filter_map(given).collect();
            assert_eq!(given, [json!("drain")], "{bad}");
        }
    }
}

const DECIDES: &str = "listen = \"127.0.0.1:0\"\nstore = \"memory\"\ndrain = 5\n[[token]]\nrole = \"admin\"\n\
                       sha256 = \"2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\"\n\
                       [otlp]\nendpoint = \"http://127.0.0.1:1\"\n";

#[test]
fn keys_that_an_app_sets_for_its_operator_are_reported_at_the_start() {
    let app = app(DECIDES);
    let log = Server::start_as(&app, |serve| serve.env_remove("SAGGAR_LISTEN")).stop();
    let warnings: Vec<&String> = log.iter().filter(|line| line.contains("the app itself sets")).collect();
    let all = "`listen`, `token`, `store`, `otlp.endpoint`";
    assert!(warnings.len() == 1 && warnings[0].contains(all), "{log:#?}");
    // The warning omits keys that a flag or a variable overrides.
    let log = Server::start(&app, &["--store", "memory"]).stop();
    let warning = log.iter().find(|line| line.contains("the app itself sets")).expect("a warning");
    assert!(warning.contains("sets `token`, `otlp.endpoint`"), "{warning}");
    // There is no warning if the operator names the same file.
    let config = app.path().join("saggar.toml");
    let log = Server::start_as(&app, |serve| serve.arg("--config").arg(&config)).stop();
    assert!(!log.iter().any(|line| line.contains("the app itself sets")), "{log:#?}");
}

/// Each command warns about the keys that it uses; a file without any of these keys does not cause a warning.
#[test]
fn commands_warn_about_the_keys_that_they_use() {
    let warning = "the app itself sets";
    let run = output(plain("run", &app(DECIDES)).args(["echo", "x"]));
    assert!(run.code == Some(0) && run.err.contains(&format!("{warning} `otlp.endpoint`")), "{run:?}");
    let check = output(&mut plain("check", &app(DECIDES)));
    assert!(check.code == Some(0) && !check.err.contains(warning), "{check:?}");
    let quiet = output(&mut plain("config", &app("drain = 5\n[http]\nheaders = 20\n")));
    assert_eq!((quiet.code, quiet.err.as_str()), (Some(0), ""));
}
