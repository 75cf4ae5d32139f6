//! Tests of tokens, and of the addresses that require them.

use super::*;

#[test]
fn an_address_that_other_machines_reach_requires_a_token() {
    let open = "\nlisten = \"0.0.0.0:7717\"\n";
    let text = problem(open);
    assert!(text.contains("other machines can reach 0.0.0.0:7717") && text.contains(":2:10"), "{text}");
    let text = messages(&loaded("", &[("SAGGAR_LISTEN", "[::]:1")], &[]));
    assert!(text.contains("environment") && text.contains("no token is configured"), "{text}");
    let token = format!("read:{DIGEST}");
    assert_eq!(good(open, &[("SAGGAR_TOKENS", &token)], &[]).listen.to_string(), "0.0.0.0:7717");
    // An address of higher precedence wins. An empty list of tokens is not a token.
    good(open, &[], &["--listen", "127.0.0.1:1"]);
    problem(&format!("token = []\n{open}"));
    // A consequential error is not reported.
    let text = problem(&format!("{open}[[token]]\nrole = \"read\"\nsha256 = \"short\"\n"));
    assert!(text.contains("invalid SHA-256"), "{text}");
    // Only the service listens.
    assert!(loaded_by::<RunScope>(open, &[], &[]).problems.is_empty());
}

#[test]
fn tokens_are_tables_in_the_file_and_text_elsewhere() {
    let other = DIGEST.replace('2', "3");
    let file = format!(
        "[[token]]\nname = \"ci\"\nrole = \"write\"\nsha256 = \"{}\"\ntenant = \"default\"",
        DIGEST.to_uppercase()
    );
    let names = |config: &Config| {
        let tokens = config.tokens.iter().map(|listed| &listed.token);
        tokens.map(|token| format!("{}:{}", token.role.name(), token.name)).collect::<Vec<_>>()
    };
    assert_eq!(names(&good(&file, &[], &[])), ["write:ci"]);
    // An input of higher precedence replaces the whole list.
    let variable = format!("read:{DIGEST}, admin:{other}:ops");
    assert_eq!(names(&good(&file, &[("SAGGAR_TOKENS", &variable)], &[])), ["read:2bb80d53", "admin:ops"]);
    let (first, second) = (format!("admin:{DIGEST}:a:b"), format!("read:{other}"));
    assert_eq!(names(&good(&file, &[], &["--token", &first, "--token", &second])), ["admin:a:b", "read:3bb80d53"]);
    let loaded = loaded(&file, &[], &[]);
    assert_eq!(row(&loaded, "token"), ("ci write 2bb80d53… default".into(), "saggar.toml:1".into()));
    assert!(!loaded.document().to_string().contains(DIGEST));
}

#[test]
fn a_token_in_place_of_its_digest_is_never_shown() {
    let table = "[[token]]\nrole = \"admin\"\n";
    for file in [
        format!("{table}sha256 = \"hunter2\""),
        format!("{table}token = \"hunter2\""),
        format!("{table}sha256 = hunter2"),
        format!("{table}sha256 = \"hunter2\nname = \"x\""),
        "token = \"hunter2\"".to_owned(),
        "token = [\"admin:hunter2\"]".to_owned(),
        "api_token = \"hunter2\"".to_owned(),
    ] {
        let loaded = loaded(&file, &[("SAGGAR_TOKENS", "hunter2,admin:hunter2")], &["--token", "write:hunter2"]);
        let text = messages(&loaded) + &loaded.document().to_string();
        assert!(loaded.has_errors() && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn duplicate_tokens_and_other_tenants_are_refused() {
    let table =
        |name: &str, digest: &str| format!("[[token]]\nrole = \"read\"\nname = \"{name}\"\nsha256 = \"{digest}\"\n");
    let same_digest = table("a", DIGEST) + &table("b", DIGEST);
    assert!(problem(&same_digest).contains("another token has the same digest"));
    let same_name = table("a", DIGEST) + &table("a", &DIGEST.replace('2', "3"));
    assert!(problem(&same_name).contains("another token has the same name"));
    let other_tenant = table("a", DIGEST) + "tenant = \"b\"";
    assert!(problem(&other_tenant).contains("unknown tenant; a host has only the tenant `default`"));
}

/// Loads the configuration of an app with this file of its own.
fn loaded_of_app(app: &Path, file: &str, flags: &[&str]) -> Loaded {
    std::fs::write(app.join("saggar.toml"), file).unwrap();
    let line = Line::<ServiceScope>::try_parse_from(["saggar"].iter().chain(flags)).expect("these flags are known");
    load(app, &line.flags, 0, &Variables::default())
}

#[test]
fn an_apps_own_file_cannot_put_the_store_outside_of_the_app() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let app = dir.path().join("app");
    std::fs::create_dir_all(app.join("data")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), app.join("link")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("jobs.db"), app.join("jobs.db")).unwrap();
    let outside = elsewhere.path().join("jobs.db");
    let outside = outside.to_str().unwrap();
    for path in [
        outside,
        "/jobs.db",
        "../jobs.db",
        "data/../../jobs.db",
        "absent/../../jobs.db",
        "link/jobs.db",
        "link/absent/jobs.db",
        "jobs.db",
        ".",
        "data/..",
    ] {
        let file = format!("store = \"sqlite:{path}\"\n");
        let loaded = loaded_of_app(&app, &file, &[]);
        let text = messages(&loaded);
        assert!(loaded.has_errors() && text.contains("cannot put the store outside of the app"), "{path}: {text}");
        assert!(text.contains("saggar.toml:1:9") && text.contains("--config"), "{path}: {text}");
        // What is created for it before the command fails is inside of the app, too.
        assert_eq!(loaded.config.store.file(&app), Some(app.join(".saggar/saggar.db")), "{path}");
        assert!(!loaded_of_app(&app, &file, &["--store", "memory"]).has_errors(), "{path}: it has no effect");
        let named = app.join("saggar.toml");
        assert!(!loaded_of_app(&app, &file, &["--config", named.to_str().unwrap()]).has_errors(), "{path}: named");
    }
    let inside = app.join("data/jobs.db");
    for path in ["data/jobs.db", "absent/jobs.db", "other.db", "data/../other.db", inside.to_str().unwrap()] {
        let loaded = loaded_of_app(&app, &format!("store = \"sqlite:{path}\"\n"), &[]);
        assert!(!loaded.has_errors(), "{path}: {}", messages(&loaded));
    }
    for store in ["memory", "sqlite"] {
        assert!(!loaded_of_app(&app, &format!("store = \"{store}\"\n"), &[]).has_errors(), "{store}");
    }
}
