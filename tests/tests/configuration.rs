//! The configuration of the real binary, from the file, the environment and the flags; all errors are reported.

#[path = "configuration/keys.rs"]
mod keys;
#[path = "configuration/limits.rs"]
mod limits;
#[path = "configuration/operator.rs"]
mod operator;

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::{CommandOutput, command, output, saggar, saggar_on};
use saggar_tests::server::Server;
use saggar_tests::timeout::TIMEOUT;
use serde_json::{Value, json};

fn app(configuration: &str) -> App {
    App::new().simple_task("echo", guests::ECHO).file("saggar.toml", configuration)
}

/// Creates a directory with the configuration `host.toml`, which belongs to the operator and not to an app.
fn named(configuration: &str) -> App {
    App::new().file("host.toml", configuration)
}

/// Returns `saggar COMMAND APP` in an environment without our variables.
fn plain(name: &str, app: &App) -> Command {
    let mut plain = command();
    plain.arg(name).arg(app.path()).env_remove("SAGGAR_LISTEN").env_remove("OTEL_EXPORTER_OTLP_ENDPOINT");
    if name != "serve" {
        // A host needs it, because the tests may run as root.
        plain.env_remove("SAGGAR_ALLOW_ROOT");
    }
    plain
}

/// Returns the row of a key in `saggar config`: its value, and its origin.
fn setting(app: &App, key: &str, with: impl FnOnce(&mut Command) -> &mut Command) -> (Value, Value) {
    let said = output(with(plain("config", app).arg("--json")));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{key}");
    let document: Value = serde_json::from_str(&said.out).expect("one JSON document");
    let settings = document["settings"].as_array().expect("a list");
    let setting = settings.iter().find(|setting| setting["key"] == key).expect("every key is there");
    (setting["value"].clone(), setting["from"].clone())
}

#[test]
fn a_flag_beats_the_environment_the_file_and_the_default() {
    let (without, file) =
        (app(""), "listen = \"[::1]:1\"\ndrain = 1\ndurability = \"normal\"\n[http]\nconnections = 11\n");
    let with = app(file);
    for (key, line, variable, flag, values) in [
        ("listen", 1, "SAGGAR_LISTEN", "--listen", ["127.0.0.1:7717", "[::1]:1", "[::1]:2", "[::1]:3"]),
        ("drain", 2, "SAGGAR_DRAIN", "--drain", ["30s", "1s", "2s", "3s"]),
        ("durability", 3, "SAGGAR_DURABILITY", "--durability", ["full", "normal", "full", "normal"]),
        ("http.connections", 5, "SAGGAR_HTTP_CONNECTIONS", "--http-connections", ["4096", "11", "12", "13"]),
    ] {
        let values = values
            .map(|value| if line == 5 { value.parse::<u64>().map_or(json!(value), Into::into) } else { json!(value) });
        let [default, of_file, of_variable, of_flag] = &values;
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        assert_eq!(setting(&without, key, |it| it), (default.clone(), json!({ "kind": "default" })));
        let (value, from) = setting(&with, key, |it| it);
        assert_eq!((&value, &from["kind"], &from["line"]), (of_file, &json!("file"), &json!(line)));
        let (value, from) = setting(&with, key, |it| it.env(variable, text(of_variable)));
        assert_eq!((&value, &from), (of_variable, &json!({ "kind": "environment", "name": variable })));
        let (value, from) = setting(&with, key, |it| it.env(variable, text(of_variable)).args([flag, &text(of_flag)]));
        assert_eq!((&value, &from), (of_flag, &json!({ "kind": "flag", "name": flag })));
    }
}

const SHOWN: &str = r#"# The mail host.
listen = "0.0.0.0:7717"
store = "memory"
drain = "1m 30s"

[[token]]
name = "ci"
role = "write"
sha256 = "2BB80D537B1DA3E38BD30361AA855686BDE0EACD7162FEF6A25FE97BF527A25B"

[[token]]
role = "read"
sha256 = "3bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"

[log]
format = "json"
"#;

#[test]
fn the_configuration_is_shown_with_the_origin_of_each_value() {
    let app = app(SHOWN);
    let shown = |json: &[&str]| {
        let mut config = plain("config", &app);
        config.args(["--cache-dir", "/var/cache/saggar", "--drain", "5m"]).args(json).env("SAGGAR_EVENTS_KEEP", "1000");
        output(&mut config).shown(&app)
    };
    insta::assert_snapshot!("text", shown(&[]));
    insta::assert_snapshot!("json", shown(&["--json"]));
}

const MISTAKES: &str = r#"listen = "localhost:7717"
drian = "30s"
store = sqlite
durability = "ful"
durability = "full"

[[token]]
name = "ci"
role = "admn"
sha256 = "the token itself"

[[token]]
name = "nobody"

[[tenant]]
name = "a"

[http]
conections = 4096
head_bytes = "64KB"
drain = 3

[log]
level = "inof"
"#;

/// `serve` reports the same errors as `config`, and does not start.
#[test]
fn all_errors_are_shown_at_once() {
    let app = app(MISTAKES);
    let said = |name: &str| {
        let mut command = plain(name, &app);
        command.args(["--drain", "soon", "--token", "root:1234"]);
        output(command.env("SAGGAR_HTTP_HEADERS", "many").env("SAGGAR_DRIAN", "5s").env("SAGGAR_ALLOCATOR", "pool"))
    };
    let served = said("serve");
    assert_eq!((served.code, served.out.as_str()), (Some(2), ""));
    assert_eq!(served.err, said("config").err);
    insta::assert_snapshot!("mistakes", served.shown(&app));
}

#[test]
fn errors_are_json_for_programs() {
    let said = output(plain("config", &app("\n drian = 5\n")).arg("--json"));
    let document: Value = serde_json::from_str(&said.out).expect("one JSON document");
    let problem = &document["problems"][0];
    assert_eq!((said.code, said.err.as_str()), (Some(2), ""));
    assert_eq!((&problem["severity"], &problem["help"]), (&json!("error"), &json!("did you mean `drain`?")));
    let position = &problem["location"]["position"];
    assert_eq!((&position["line"], &position["column"]), (&json!(2), &json!(2)));
}

#[test]
fn an_unreadable_file_is_an_error_and_a_missing_one_is_not() {
    let none = App::new().simple_task("echo", guests::ECHO);
    assert_eq!(output(&mut plain("config", &none)).code, Some(0));
    let refused = |app: &App, arguments: &[&str]| {
        let said = output(plain("config", app).args(arguments));
        assert_eq!(said.code, Some(2), "{said:?}");
        said.shown(app)
    };
    let named = none.path().join("nowhere.toml");
    insta::assert_snapshot!("missing_file", refused(&none, &["--config", named.to_str().expect("a path in UTF-8")]));
    insta::assert_snapshot!("directory", refused(&none.file("saggar.toml/x", ""), &[]));
    insta::assert_snapshot!("no_utf8", refused(&app("").file("saggar.toml", b"drain = 5\n# caf\xe9\n"), &[]));
    insta::assert_snapshot!("utf16", refused(&app("").file("saggar.toml", b"\xff\xfed\0"), &[]));
    let marked = app("\u{feff}drain = 5\n");
    let from = json!({ "kind": "file", "file": marked.path().join("saggar.toml"), "line": 1, "column": 9 });
    assert_eq!(setting(&marked, "drain", |it| it), (json!("5s"), from), "a byte order mark from an editor is skipped");
    let large = app(&"#\n".repeat(4 << 20));
    assert_eq!(output(&mut plain("config", &large)).code, Some(0), "8 MiB is not too large");
    large.write("saggar.toml", "#".repeat((8 << 20) + 1));
    insta::assert_snapshot!("too_large", refused(&large, &[]));
    // A pipe without a writer would block forever; a device would never end.
    for special in ["/dev/zero", "/proc/self/fd/0"] {
        let linked = App::new();
        symlink(special, linked.path().join("saggar.toml")).expect("a link");
        assert!(refused(&linked, &[]).contains("not a regular file"), "{special}");
    }
    assert_eq!(output(plain("config", &large).args(["--config", "/dev/null"])).code, Some(0));
}

#[test]
fn a_missing_app_has_no_configuration() {
    let app = app("");
    let config = |path: &std::path::Path| output(command().arg("config").arg(path)).shown(&app);
    insta::assert_snapshot!("missing_app", config(&app.path().join("nowhere")));
    insta::assert_snapshot!("file_for_app", config(&app.path().join("saggar.toml")));
}

#[test]
fn the_variable_names_the_file_unless_a_flag_does() {
    let (app, elsewhere) = (app("drain = 1"), App::new().file("a.toml", "drain = 2").file("b.toml", "drain = 3"));
    let path = |name: &str| elsewhere.path().join(name);
    let drain = |variable: &OsStr, flags: &[PathBuf]| {
        let arguments = flags.iter().flat_map(|file| [OsStr::new("--config"), file.as_os_str()]);
        setting(&app, "drain", |command| command.env("SAGGAR_CONFIG", variable).args(arguments)).0
    };
    assert_eq!(drain(path("a.toml").as_os_str(), &[]), "2s");
    assert_eq!(drain(path("a.toml").as_os_str(), &[path("b.toml")]), "3s");
    assert_eq!(drain(OsStr::new(""), &[]), "1s");
    let said = output(plain("check", &app).env("SAGGAR_CONFIG", path("c.toml")));
    assert!(said.code == Some(1) && said.err.contains("no such file"), "{said:?}");
}

#[test]
fn a_secret_is_not_shown_in_an_error_about_invalid_utf8() {
    let app = app("").file("saggar.toml", b"[[token]]\nsha256 = \"geh\xe9im\"\n");
    let said = output(&mut plain("config", &app));
    assert!(said.err.contains("invalid UTF-8") && !said.err.contains("geh"), "{}", said.err);
}

#[test]
fn a_public_address_needs_a_token_and_the_error_names_all_ways_to_set_one() {
    let app = app("drain = \"soon\"\nlisten = \"0.0.0.0:0\"\n");
    let served = output(&mut plain("serve", &app));
    for said in [&served, &output(&mut plain("config", &app))] {
        assert_eq!((said.code, said.out.as_str(), &said.err), (Some(2), "", &served.err));
    }
    // Together with the other error, and with its location.
    for part in ["saggar.toml:1:9", "saggar.toml:2:10"] {
        assert!(served.err.contains(part), "no `{part}` in: {}", served.err);
    }
    for way in ["--token ROLE:SHA256", "SAGGAR_TOKENS", "`[[token]]`", "`saggar token`", "127.0.0.1"] {
        assert!(served.err.contains(way), "no `{way}` in: {}", served.err);
    }
    // Commands that do not listen do not need tokens.
    let run = saggar_on("run", &self::app("listen = \"0.0.0.0:0\""), &["echo", "x"]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
}

/// Sends a request; returns the status of the response.
fn status(server: &Server, request: &str, token: Option<&str>, body: &str) -> u16 {
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = body.len();
    let head = format!("{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{authorization}");
    let content = format!("content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}");
    let mut stream = TcpStream::connect(server.address()).expect("it listens");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a read timeout");
    stream.write_all((head + &content).as_bytes()).expect("it accepts requests");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer in time");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status: {answer}"))
}

#[test]
fn a_service_uses_the_configuration_file() {
    let made: Value = serde_json::from_str(&saggar(["token", "--json"]).out).expect("one JSON document");
    let (token, sha256) = (made["token"].as_str().expect("a token"), made["sha256"].as_str().expect("a digest"));
    let elsewhere = App::new().file(
        "host.toml",
        format!(
            "store = \"sqlite:jobs.db\"\n[[token]]\nrole = \"read\"\nsha256 = \"{sha256}\"\n[log]\nlevel = \"debug\"\n"
        ),
    );
    let app = app("this is not read");
    let named = elsewhere.path().join("host.toml");
    // Relative paths in the file do not depend on the working directory.
    let server =
        Server::start_as(&app, |serve| serve.arg("--config").arg(&named).env_remove("RUST_LOG").current_dir("/"));
    assert!(elsewhere.path().join("jobs.db").is_file());
    assert_eq!(status(&server, "GET /v1/tasks", None, ""), 401);
    assert_eq!(status(&server, "GET /v1/tasks", Some(token), ""), 200);
    assert_eq!(status(&server, "POST /v1/tasks/echo/jobs", Some(token), "{\"args\": []}"), 403);
    let log = server.stop();
    assert!(log.iter().any(|line| line.contains("DEBUG")), "{log:#?}");
}

#[test]
fn other_commands_use_the_keys_that_apply_to_them() {
    let app = app("");
    app.write(
        "host.toml",
        "listen = \"10.0.0.1:1\"\nstore = \"sqlite:served.db\"\ncache_dir = \"compiled\"\n[log]\nlevel = \"debug\"\n",
    );
    let config = app.path().join("host.toml");
    let by_config = |name: &str| {
        let mut command = plain(name, &app);
        command.arg("--config").arg(&config);
        command
    };
    let run = output(by_config("run").args(["echo", "x"]));
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (Some(0), "[\"x\"]\n", ""));
    assert!(!app.path().join("served.db").exists(), "the store is the service's");
    assert!(fs::read_dir(app.path().join("compiled")).expect("the cache").next().is_some());
    let copied = app.path().join("copy.db");
    let backup = |_: &App| output(by_config("backup").arg(&copied));
    let said: CommandOutput = backup(&app);
    assert!(said.code == Some(1) && said.err.contains("served.db"), "{said:?}");
    // A path on the command line is relative to the working directory.
    let run = output(plain("run", &app).args(["--store", "sqlite:served.db", "echo", "y"]).current_dir(app.path()));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(backup(&app).code, Some(0));
    assert!(copied.is_file());
}

#[test]
fn an_error_in_the_file_is_reported_by_every_command() {
    let app = app("drian = 5");
    let assert_reported = |said: CommandOutput, code| {
        assert_eq!(said.code, Some(code), "{said:?}");
        assert!(said.err.contains("did you mean `drain`?"), "{}", said.err);
    };
    assert_reported(saggar_on("run", &app, &["echo"]), 2);
    assert_reported(saggar_on("backup", &app, &["copy.db"]), 2);
    assert_reported(saggar_on("serve", &app, &[]), 2);
    assert_reported(saggar_on("check", &app, &[]), 1);
    let checked = saggar_on("check", &app, &["--json"]);
    let document: Value = serde_json::from_str(&checked.out).expect("one JSON document");
    assert_eq!((checked.code, document["problems"].as_array().map(Vec::len)), (Some(1), Some(1)));
    assert_eq!(document["tasks"].as_array().map(Vec::len), Some(1));
}

/// The older flags still exist and mean the same.
#[test]
fn help_lists_every_flag_with_its_variable() {
    let help = |name: &str| saggar([name, "--help"]).out.split_whitespace().collect::<Vec<_>>().join(" ");
    for known in
        ["--store <STORE>", "[default: sqlite] [env: SAGGAR_STORE]", "--drain <DURATION>", "[env: SAGGAR_TOKENS]"]
    {
        assert!(help("serve").contains(known), "{known}: {}", help("serve"));
    }
    assert!(help("run").contains("[default: memory] [env: SAGGAR_STORE]") && !help("run").contains("--listen"));
    assert!(help("check").contains("--cache-dir <DIR>") && !help("check").contains("--store"));
}

#[test]
fn a_token_is_generated_with_its_digest() {
    let said = saggar(["token", "--name", "ci \"1\"", "--role", "admin"]);
    assert_eq!(said.code, Some(0));
    let of =
        |key: &str| said.out.lines().find_map(|line| line.strip_prefix(key)).expect("a line of it").trim().to_owned();
    let (token, sha256) = (of("token"), of("sha256"));
    assert!(token.starts_with("saggar_") && token.len() == 71, "{token}");
    let table = said.err.split_once("[[token]]").expect("what to write into the file").1;
    let app = app(&format!("[[token]]{table}"));
    let (tokens, _) = setting(&app, "token", |it| it);
    assert_eq!(tokens[0]["name"], json!("ci \"1\""));
    assert!(sha256.starts_with(tokens[0]["sha256"].as_str().expect("digits").trim_end_matches('…')));
    assert_ne!(saggar(["token"]).out, saggar(["token"]).out);
}

/// A key's value is shown escaped.
#[test]
fn values_are_escaped() {
    let app = app("");
    let named = named("cache_dir = \"/a\\u001b[2Jb\\u202ec\"\n");
    let config = named.path().join("host.toml");
    let said = output(plain("config", &app).arg("--config").arg(&config));
    assert!(said.code == Some(0) && said.out.contains(r"/a\u{1b}[2Jb\u{202e}c"), "{said:?}");
    assert!(!said.out.contains(['\u{1b}', '\u{202e}']), "{:?}", said.out);
    let shown = setting(&app, "cache_dir", |it| it.arg("--config").arg(&config)).0;
    assert_eq!(shown, json!("/a\u{1b}[2Jb\u{202e}c"));
}
