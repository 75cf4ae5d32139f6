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
