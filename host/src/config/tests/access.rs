//! Tokens, and the addresses that require them.

use super::*;

#[test]
fn an_address_that_others_reach_needs_a_token() {
    let open = "\nlisten = \"0.0.0.0:7717\"\n";
    let said = problem(open);
    assert!(said.contains("other machines can reach 0.0.0.0:7717") && said.contains(":2:10"), "{said}");
    let said = messages(&loaded("", &[("SAGGAR_LISTEN", "[::]:1")], &[]));
    assert!(said.contains("environment") && said.contains("no token is configured"), "{said}");
    let token = format!("read:{DIGEST}");
    assert_eq!(good(open, &[("SAGGAR_TOKENS", &token)], &[]).listen.to_string(), "0.0.0.0:7717");
    // A stronger address wins, and so does an empty list of tokens.
    good(open, &[], &["--listen", "127.0.0.1:1"]);
    problem(&format!("token = []\n{open}"));
    // An error that only follows from another is not reported.
    let said = problem(&format!("{open}[[token]]\nrole = \"read\"\nsha256 = \"short\"\n"));
    assert!(said.contains("invalid SHA-256"), "{said}");
    // Only the service listens.
    assert!(loaded_by::<RunScope>(open, &[], &[]).problems.is_empty());
}

#[test]
fn tokens_are_tables_in_the_file_and_texts_elsewhere() {
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
    // A stronger level replaces the whole list.
    let variable = format!("read:{DIGEST}, admin:{other}:ops");
    assert_eq!(names(&good(&file, &[("SAGGAR_TOKENS", &variable)], &[])), ["read:2bb80d53", "admin:ops"]);
    let (first, second) = (format!("admin:{DIGEST}:a:b"), format!("read:{other}"));
    assert_eq!(names(&good(&file, &[], &["--token", &first, "--token", &second])), ["admin:a:b", "read:3bb80d53"]);
    let loaded = loaded(&file, &[], &[]);
    assert_eq!(row(&loaded, "token"), ("ci write 2bb80d53… default".into(), "saggar.toml:1".into()));
    assert!(!loaded.document().to_string().contains(DIGEST));
}

#[test]
fn a_token_in_place_of_its_digest_is_not_repeated() {
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
        let said = messages(&loaded) + &loaded.document().to_string();
        assert!(loaded.has_errors() && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn tokens_that_clash_are_refused() {
    let table =
        |name: &str, digest: &str| format!("[[token]]\nrole = \"read\"\nname = \"{name}\"\nsha256 = \"{digest}\"\n");
    let same_digest = table("a", DIGEST) + &table("b", DIGEST);
    assert!(problem(&same_digest).contains("another token has the same digest"));
    let same_name = table("a", DIGEST) + &table("a", &DIGEST.replace('2', "3"));
    assert!(problem(&same_name).contains("another token has the same name"));
    let other_tenant = table("a", DIGEST) + "tenant = \"b\"";
    assert!(problem(&other_tenant).contains("unknown tenant; a host has only the tenant `default`"));
}
