//! Tests of the origins of values, their precedence, and the errors about invalid ones.

mod access;
mod grants;
mod mutated;
mod tenants;

use std::ffi::OsString;
use std::time::Duration;

use clap::Parser;
use saggar::{Allocator, Durability, StoreChoice};

use super::*;

const DIGEST: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

#[derive(Debug, Parser)]
struct Line<S: Scope> {
    #[command(flatten)]
    flags: Flags<S>,
    #[arg(short, action = clap::ArgAction::Count)]
    verbose: u8,
}

fn loaded_by<S: Scope>(file: &str, variables: &[(&str, &str)], flags: &[&str]) -> Loaded {
    let line = Line::<S>::try_parse_from(["saggar"].iter().chain(flags)).expect("these flags are known");
    let file = ConfigFile::of("saggar.toml".into(), "/etc/saggar".into(), file.into());
    let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    resolve(&file, &line.flags, line.verbose, &variables.collect())
}

fn loaded(file: &str, variables: &[(&str, &str)], flags: &[&str]) -> Loaded {
    loaded_by::<ServiceScope>(file, variables, flags)
}

fn good(file: &str, variables: &[(&str, &str)], flags: &[&str]) -> Config {
    let loaded = loaded(file, variables, flags);
    assert!(loaded.problems.is_empty(), "{}", messages(&loaded));
    loaded.config
}

fn messages(loaded: &Loaded) -> String {
    loaded.problems.iter().map(|problem| problem.render(false)).collect::<Vec<_>>().join("\n")
}

/// Returns the only problem of a file, as it is shown.
fn problem(file: &str) -> String {
    let loaded = loaded(file, &[], &[]);
    assert_eq!(loaded.problems.len(), 1, "{}", messages(&loaded));
    messages(&loaded)
}

fn row(loaded: &Loaded, key: &str) -> (String, String) {
    let [_, value, origin] = loaded.rows().into_iter().find(|[name, ..]| name == key).expect("the key is listed");
    (value, origin)
}

/// Returns for every key a value for file, variable and flag, and how each is shown.
fn samples() -> Vec<(&'static Key, [(&'static str, &'static str); 3])> {
    let sample = |key: &'static Key| {
        let samples = match key.name {
            "listen" => [("\"127.0.0.1:1\"", "127.0.0.1:1"), ("127.0.0.2:2", "127.0.0.2:2"), ("[::1]:3", "[::1]:3")],
            "store" => [("\"memory\"", "memory"), ("sqlite", "sqlite"), ("sqlite:x.db", "sqlite:x.db")],
            "durability" => [("\"full\"", "full"), ("normal", "normal"), ("full", "full")],
            "drain" | "http.head_time" | "http.write_time" => [("5", "5s"), ("6s", "6s"), ("1m", "1m")],
            "harden" => [("\"off\"", "off"), ("require", "require"), ("auto", "auto")],
            "allow_root" => [("\"yes\"", "yes"), ("no", "no"), ("yes", "yes")],
            "audit.log" => [("true", "true"), ("false", "false"), ("true", "true")],
            "allocator" => [("\"pooling\"", "pooling"), ("on-demand", "on-demand"), ("pooling", "pooling")],
            "cache_dir" => [("\"a\"", "/etc/saggar/a"), ("/b", "/b"), ("c", "c")],
            "events.keep" | "http.connections" | "http.headers" | "http.streams" => {
                [("1_00", "100"), ("0200", "200"), ("300", "300")]
            }
            "keep_versions" => [("\"8MiB\"", "8MiB"), ("10000000", "10000000B"), ("1GiB", "1GiB")],
            "keep_bytes" => [("\"8MiB\"", "8MiB"), ("10000000", "10000000B"), ("1GiB", "1GiB")],
            "env_allow" => [("[\"A_*\", \"B\"]", "A_*,B"), ("C", "C"), ("D_*,E", "D_*,E")],
            "http.head_bytes" => [("\"8KiB\"", "8KiB"), ("10000", "10000B"), ("1MiB", "1MiB")],
            "log.level" => [("\"warn\"", "warn"), ("debug", "debug"), ("a=info", "a=info")],
            "log.format" => [("\"text\"", "text"), ("json", "json"), ("text", "text")],
            "otlp.endpoint" => [
                ("\"http://a:1\"", "http://a:1"),
                ("https://b/v1/traces", "https://b/v1/traces"),
                ("http://[::1]:4", "http://[::1]:4"),
            ],
            "otlp.service_name" => [("\"a\"", "a"), ("b", "b"), ("c", "c")],
            "otlp.sample" | "http.address_share" => [("0.25", "0.25"), ("0.5", "0.5"), ("0", "0.0")],
            "token" => return None,
            other => panic!("the key `{other}` has no sample: add one"),
        };
        Some((key, samples))
    };
    keys::ALL.iter().filter_map(sample).collect()
}

#[test]
fn every_key_has_a_flag_and_a_variable_in_order_of_precedence() {
    for (key, [file, variable, flag]) in samples() {
        let in_file = match key.section() {
            Some(section) => format!("\n[{section}]\n{} = {}\n", key.leaf(), file.0),
            None => format!("\n\n{} = {}\n", key.name, file.0),
        };
        let shown = |file: &str, variables: &[(&str, &str)], flags: &[&str]| {
            let loaded = loaded(file, variables, flags);
            assert!(loaded.problems.is_empty(), "{}", messages(&loaded));
            row(&loaded, key.name)
        };
        let (variables, flags) = ([(key.variable, variable.0)], [key.flag, flag.0]);
        assert_eq!(shown("", &[], &[]).1, "default", "{}", key.name);
        assert_eq!(shown(&in_file, &[], &[]), (file.1.into(), "saggar.toml:3".into()));
        assert_eq!(shown(&in_file, &variables, &[]), (variable.1.into(), format!("environment {}", key.variable)));
        assert_eq!(shown(&in_file, &variables, &flags), (flag.1.into(), format!("flag {}", key.flag)));
        assert_eq!(shown("", &[], &flags).0, flag.1);
        for other in key.other_variables {
            let both = [(*other, flag.0), (key.variable, variable.0)];
            assert_eq!(shown(&in_file, &both, &[]).0, variable.1, "{other} has lower precedence");
            assert_eq!(shown(&in_file, &[(*other, flag.0)], &[]), (flag.1.into(), format!("environment {other}")));
            assert_eq!(shown(&in_file, &[(*other, "")], &[]).0, file.1, "an empty {other} counts as unset");
        }
    }
}

#[test]
fn names_of_flags_and_variables_derive_from_the_key() {
    for key in keys::ALL {
        let (flag, variable) = (key.name.replace(['.', '_'], "-"), key.name.replace('.', "_").to_uppercase());
        assert_eq!(key.flag, format!("--{flag}"));
        // `SAGGAR_TOKEN` belongs to the client commands, so the key's variable has an S.
        let plural = if key.name == "token" { "S" } else { "" };
        assert_eq!(key.variable, format!("SAGGAR_{variable}{plural}"));
        assert!(!OTHER_VARIABLES.contains(&key.variable));
        assert!(key.meaning.ends_with('.'), "{}", key.name);
    }
}

#[test]
fn the_documentation_lists_every_key() {
    let document = include_str!("../../../docs/configuration.md");
    let listed: Vec<&str> = document.lines().filter(|line| line.starts_with("| `")).collect();
    let row = |key: &Key| {
        let variables: Vec<String> = key.variables().map(|name| format!("`{name}`")).collect();
        let default = (key.default)();
        let default = if default.is_empty() { "—".to_owned() } else { default };
        let variables = variables.join(", ");
        format!("| `{}` | `{} {}` | {variables} | {default} | {} |", key.name, key.flag, key.placeholder, key.meaning)
    };
    let expected: Vec<String> = keys::ALL.iter().map(row).collect();
    assert_eq!(listed, expected, "the rows should be:\n{}", expected.join("\n"));
}

#[test]
fn defaults_are_as_documented() {
    let config = good("", &[("HOME", "/home/ada")], &[]);
    assert_eq!(config.listen.to_string(), "127.0.0.1:7717");
    assert_eq!((config.durability, config.allocator), (Durability::Full, Allocator::Pooling));
    assert_eq!(config.drain, Duration::from_secs(30));
    assert_eq!(config.cache_dir.as_deref(), Some(Path::new("/home/ada/.cache/saggar")));
    assert!(config.tokens.is_empty());
    let cache = good("", &[("HOME", "/home/ada"), ("XDG_CACHE_HOME", "/var/c")], &[]).cache_dir;
    assert_eq!(cache.as_deref(), Some(Path::new("/var/c/saggar")));
    assert_eq!(good("", &[("HOME", "relative")], &[]).cache_dir, None);
}

#[test]
fn paths_in_the_file_are_relative_to_its_directory() {
    let file = "store = \"sqlite:jobs/a.db\"\ncache_dir = \"../cache\"\n";
    let config = good(file, &[], &[]);
    let sqlite = |path: &str| StoreChoice::Sqlite { path: Some(path.into()), durability: Durability::Full };
    assert_eq!(config.store, sqlite("/etc/saggar/jobs/a.db"));
    assert_eq!(config.cache_dir.as_deref(), Some(Path::new("/etc/saggar/../cache")));
    assert_eq!(good("store = \"sqlite:/abs.db\"", &[], &[]).store, sqlite("/abs.db"));
    assert_eq!(good(file, &[("SAGGAR_STORE", "sqlite:b.db")], &[]).store, sqlite("b.db"));
    assert_eq!(good(file, &[], &["--store", "sqlite:c.db"]).store, sqlite("c.db"));
}

#[test]
fn settings_for_the_service_do_not_apply_to_run() {
    let file = "store = \"sqlite:a.db\"\ndurability = \"normal\"\ncache_dir = \"/c\"\n[log]\nlevel = \"trace\"";
    let run = |variables, flags| loaded_by::<RunScope>(file, variables, flags);
    let plain = run(&[("SAGGAR_LISTEN", "ignored")], &[]);
    assert!(plain.problems.is_empty(), "{}", messages(&plain));
    let quiet = "warn,saggar_worker::failures=off";
    assert_eq!((plain.store(), plain.config.log_level.as_str()), (StoreChoice::Memory, quiet));
    assert_eq!(plain.config.cache_dir.as_deref(), Some(Path::new("/c")));
    let sqlite = StoreChoice::Sqlite { path: None, durability: Durability::Normal };
    assert_eq!(run(&[("SAGGAR_STORE", "sqlite")], &[]).store(), sqlite);
    assert_eq!(run(&[], &["--store", "sqlite"]).store(), sqlite);
    // An error fails every command.
    let wrong = loaded_by::<RunScope>("listen = 5\nstore = 6", &[], &[]);
    assert_eq!(wrong.problems.len(), 2, "{}", messages(&wrong));
    let copied = loaded_by::<StoreScope>(file, &[], &[]).config.store;
    assert_eq!(copied, "sqlite:/etc/saggar/a.db".parse().expect("a store"));
}

#[test]
fn streams_get_at_most_half_of_the_connections() {
    let shown = loaded("[http]\nconnections = 100", &[], &[]);
    assert_eq!((shown.limits().followers, row(&shown, "http.streams")), (50, ("50".into(), "default".into())));
    assert_eq!(good("[http]\nconnections = 100\nstreams = 20", &[], &[]).http_streams, 20);
    let text = problem("[http]\nconnections = 100\nstreams = 51");
    assert!(text.contains("at most half of `http.connections`, which is 100") && text.contains(":3:11"), "{text}");
    let text = messages(&loaded("[http]\nstreams = 2000", &[], &["--http-connections", "10"]));
    assert!(text.contains("lower it to 5, or raise `http.connections`"), "{text}");
}

#[test]
fn v_flags_set_the_log_level() {
    let level = |variables: &[(&str, &str)], flags: &[&str]| {
        let loaded = loaded("[log]\nlevel = \"error\"", variables, flags);
        row(&loaded, "log.level")
    };
    assert_eq!(level(&[("RUST_LOG", "trace")], &["-vv"]), ("debug".into(), "flag -v".into()));
    assert_eq!(level(&[], &["-v"]).0, "info");
    assert_eq!(level(&[], &["-vv", "--log-level", "warn"]), ("warn".into(), "flag --log-level".into()));
}

#[test]
fn an_invalid_rust_log_is_only_a_warning() {
    let of_others = [("RUST_LOG", "my_app")];
    let loaded = loaded("[log]\nlevel = \"error\"", &of_others, &[]);
    assert!(!loaded.has_errors() && messages(&loaded).contains("not the text \"my_app\""), "{}", messages(&loaded));
    assert_eq!((row(&loaded, "log.level").0, loaded.config.log_level.as_str()), ("error".into(), "error"));
    let run = loaded_by::<RunScope>("", &of_others, &[]);
    assert!(messages(&run).contains("the default, warn"), "{}", messages(&run));
    assert!(run.config.log_level.starts_with("warn,"), "{}", run.config.log_level);
    // Our own variable is never meant for another program.
    assert!(loaded_by::<RunScope>("", &[("SAGGAR_LOG_LEVEL", "my_app")], &[]).has_errors());
}

#[test]
fn unknown_keys_get_a_suggestion() {
    for (file, help) in [
        ("drian = 3", "did you mean `drain`?"),
        ("Listen = 3", "did you mean `listen`?"),
        ("port = 7717", "write `listen` above all tables"),
        ("connections = 5", "write it below `[http]`"),
        ("conections = 5", "did you mean `connections` below `[http]`?"),
        ("evnets.keep = 5", "did you mean `events`?"),
        ("[http]\ndrain = 5", "write it above all tables"),
        ("[http]\nlisten = 5", "write `listen` above all tables"),
        ("[http]\nconnection = 5", "did you mean `connections`?"),
        ("[http]\nproxy = 5", "valid keys are `connections`, "),
        ("\"http.connections\" = 5", "write it below `[http]`"),
    ] {
        let text = problem(file);
        assert!(text.contains(help), "{file}: {text}");
    }
}

#[test]
fn syntax_errors_are_explained() {
    for (file, message, position) in [
        ("drain = 5s", "a text needs double quotes", ":1:9"),
        ("drain = ", "missing value", ":1:9"),
        ("drain = \"5s\nlisten = 3", "missing closing quote", ":1:12"),
        ("drain", "missing value", ":1:6"),
        ("store = \"C:\\jobs\"", "unknown escape", ":1:13"),
        ("listen = 127.0.0.1:7717", "invalid number", ":1:15"),
        ("[http\nheaders = 5", "missing closing `]`", ":1:6"),
        ("drain = 1\ndrain = 2", "duplicate key `drain`", ":2:1"),
        ("[http]\n[http]", "duplicate key `http`", ":2:2"),
        ("http = 5", "`http` must be a table", ":1:8"),
        (&format!("a = {}", "[".repeat(1000)), "nested too deeply", ":1:"),
    ] {
        let loaded = loaded(file, &[], &[]);
        let first = loaded.problems.first().expect("a problem is reported").render(false);
        assert!(first.contains(message) && first.contains(&format!("saggar.toml{position}")), "{file}: {first}");
    }
    // Consequential errors are not reported; all others are.
    let text = messages(&loaded("drain = \"5s\nlisten = 3\n[http\nheaders = 5\ndrain = 7", &[], &[]));
    assert_eq!(text.matches("error:").count(), 3, "{text}");
    assert!(text.contains("`listen` must be"), "{text}");
}

#[test]
fn invalid_values_report_what_is_expected() {
    for (file, expected) in [
        ("[http]\nconnections = 0", "a whole number from 1 to 1000000, not the number 0"),
        ("[http]\nconnections = -5", "not the number -5"),
        ("[http]\nconnections = 1.5", "not the number 1.5"),
        ("[http]\nconnections = 0xffffffffffff", "not the number 281474976710655"),
        ("[http]\nconnections = [1]", "not a list"),
        ("[http]\nhead_bytes = \"64KB\"", "a number of bytes from 8KiB to 1MiB, not the text \"64KB\""),
        ("drain = -1", "a duration from 0s to 1day, not the number -1"),
        ("drain = 1979-05-27", "not a date or time"),
        ("listen = 7717", "an IP address with a port, not the number 7717"),
        ("listen = \":7717\"", "write \"127.0.0.1:7717\" for this machine only, \"0.0.0.0:7717\" for all machines"),
        ("listen = \"localhost:80\"", "write \"127.0.0.1:80\" or \"[::1]:80\""),
        ("store = \"postgres\"", "\"memory\", \"sqlite\" or \"sqlite:PATH\""),
        ("durability = \"norm\"", "\"full\" or \"normal\", not the text \"norm\""),
        ("allocator = \"on-demnd\"", "did you mean \"on-demand\"?"),
        ("cache_dir = \"\"", "the path of a directory"),
        ("[log]\nlevel = \"verbose\"", "a level (error, warn, info, debug, trace or off)"),
        ("[log]\nlevel = \"a=loud\"", "or levels by module, not the text \"a=loud\""),
    ] {
        let text = problem(file);
        assert!(text.contains(expected), "{file}: {text}");
    }
}

#[test]
fn errors_in_overridden_values_are_reported() {
    let loaded = loaded("drain = \"x\"", &[("SAGGAR_DRAIN", "y")], &["--drain", "5s"]);
    assert_eq!(loaded.problems.len(), 2, "{}", messages(&loaded));
    assert!(loaded.has_errors() && loaded.config.drain == Duration::from_secs(5));
}

#[test]
fn misspelt_variables_are_warned_about() {
    let variables =
        [("SAGGAR_DRIAN", "5s"), ("SAGGAR_URL", "x"), ("SAGGAR_TOKEN", "x"), ("SAGGAR_PORT", "tcp://10.0.0.1:80")];
    let loaded = loaded("", &variables, &[]);
    let text = messages(&loaded);
    assert!(
        !loaded.has_errors() && loaded.problems.len() == 1 && text.contains("did you mean `SAGGAR_DRAIN`?"),
        "{text}"
    );
}

#[test]
fn the_number_of_reported_errors_is_bounded() {
    let mut many = String::new();
    for number in 0..20_000 {
        many += &format!("key{number} = 1\n");
    }
    let junk = "!\n".repeat(100_000);
    let twice = "a = 1\n".repeat(50_000);
    let deep = format!("{}a = 1", "a.".repeat(300_000));
    let (wide, escapes) = (format!("a = [{}\n!", "1,".repeat(400_000)), format!("a = \"{}\"", "\\q".repeat(400_000)));
    for file in [many, junk, twice, deep, wide, escapes] {
        let loaded = loaded(&file, &[], &[]);
        assert!(loaded.has_errors() && loaded.problems.len() <= 51);
    }
}

#[test]
fn the_variable_for_traces_contains_the_full_url() {
    let address = |variables: &[(&str, &str)]| good("", variables, &[]).otlp_endpoint.expect("one was given").address;
    let (traces, general) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT");
    assert_eq!(address(&[(general, "http://a:1/x/")]), "http://a:1/x/v1/traces");
    assert_eq!(address(&[(general, "http://a:1/v1/traces")]), "http://a:1/v1/traces");
    assert_eq!(address(&[(general, "http://a:1"), (traces, "http://b:2/in")]), "http://b:2/in");
    assert_eq!(address(&[(traces, "http://b:2"), ("SAGGAR_OTLP_ENDPOINT", "http://c:3")]), "http://c:3/v1/traces");
}

#[test]
fn settings_of_traces_are_validated() {
    let wrong = problem("[otlp]\nendpoint = \"127.0.0.1:4318\"\n");
    assert!(wrong.contains("the URL of a collector") && wrong.contains("http://127.0.0.1:4318"), "{wrong}");
    let secret = problem("[otlp]\nendpoint = \"https://me:swordfish@traces.example\"\n");
    assert!(secret.contains("OTEL_EXPORTER_OTLP_HEADERS") && !secret.contains("swordfish"), "{secret}");
    for name in [" ", &"x".repeat(101), "a\\nb"] {
        let wrong = problem(&format!("[otlp]\nservice_name = \"{name}\"\n"));
        assert!(wrong.contains("one line of at most 100 characters"), "{wrong}");
    }
    for share in ["1.5", "-0.1", "nan", "\"many\""] {
        let wrong = problem(&format!("[otlp]\nsample = {share}\n"));
        assert!(wrong.contains("a number from 0 to 1"), "{wrong}");
    }
}
