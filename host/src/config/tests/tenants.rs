//! Tests of the tenants in the operator's file.

use saggar_tenant::Quotas;

use super::*;

fn tenant(more: &str) -> String {
    format!(
        "[[tenant]]\nname = \"acme\"\ndir = \"apps/acme\"\n{more}\n[[token]]\nrole = \"operator\"\nsha256 = \"{DIGEST}\"\n"
    )
}

#[test]
fn a_tenant_has_settings_and_tokens() {
    let other = DIGEST.replace('2', "3");
    let file = tenant(&format!(
        "weight = 300\nenv_allow = [\"ACME_*\"]\n[[tenant.token]]\nrole = \"write\"\nsha256 = \"{other}\"\n\
         expires = 2030-01-01T00:00:00Z\n[tenant.quotas]\nrunning = 4\nmemory = \"1GiB\"\nadds_per_second = 0"
    ));
    let loaded = loaded(&file, &[], &[]);
    assert!(loaded.problems.is_empty(), "{}", messages(&loaded));
    let [ConfiguredTenant { settings, tokens }] = &loaded.tenants[..] else { panic!("{:?}", loaded.tenants) };
    assert_eq!((&*settings.name, settings.weight), ("acme", 300));
    assert_eq!(settings.dir, Path::new("/etc/saggar/apps/acme"));
    assert!(settings.env_allow.allows("ACME_KEY") && !settings.env_allow.allows("SAGGAR_APP_KEY"));
    let quotas = Quotas { running: Some(4), memory: Some(1 << 30), adds_per_second: Some(0), ..Quotas::default() };
    assert_eq!(settings.quotas, quotas);
    assert_eq!((&*tokens[0].token.tenant, tokens[0].token.role), ("acme", Role::Write));
    assert_eq!(tokens[0].token.expires.map(|time| time.0), Some(1_893_456_000_000));
    assert!(loaded.tokens().suffice_at("0.0.0.0:1".parse().unwrap()));
    assert!(!loaded.document().to_string().contains(&other));
    let defaults = super::loaded(&tenant(""), &[], &[]);
    assert_eq!(defaults.tenants[0].settings.weight, 100);
    assert!(!defaults.tenants[0].settings.env_allow.allows("SAGGAR_APP_KEY"), "nothing is allowed by default");
}

#[test]
fn errors_in_tenants_are_reported_at_their_place() {
    for (more, message, help) in [
        ("wieght = 3", "unknown key `wieght` in `tenant`", "did you mean `weight`?"),
        ("tokens = []", "unknown key `tokens` in `tenant`", "[[tenant.token]]"),
        ("weight = 0", "`weight` must be a whole number from 1 to 10000", "default, 100"),
        ("env_allow = \"A-B\"", "`env_allow` must be", "the default, no variable"),
        ("quotas = 3", "`quotas` must be a table", "[tenant.quotas]"),
        ("quotas.runing = 3", "unknown key `runing` in `quotas`", "did you mean `running`?"),
        ("quotas.running = -1", "`running` must be a whole number", "the default, no quota"),
        ("quotas.memory = \"1GB\"", "`memory` must be a number of bytes", "the default, no quota"),
        ("name = \"b\"", "duplicate key `name`", "keep one"),
    ] {
        let text = problem(&tenant(more));
        assert!(text.contains(message) && text.contains(help) && text.contains("saggar.toml:4:"), "{more}: {text}");
    }
    for name in ["", "Acme", "a b", "-a", "a/b", "é", &"a".repeat(65)] {
        let file = format!(
            "[[tenant]]\nname = \"{name}\"\ndir = \"a\"\n[[token]]\nrole = \"operator\"\nsha256 = \"{DIGEST}\""
        );
        let text = problem(&file);
        assert!(text.contains("at most 64 lower-case letters"), "{name}: {text}");
    }
    assert!(problem("[[tenant]]\nname = \"a\"").contains("a tenant needs `dir`"));
    assert!(problem("tenant = 3").contains("`tenant` must be a list of tables"));
    let twice = tenant("") + "[[tenant]]\nname = \"acme\"\ndir = \"b\"";
    assert!(problem(&twice).contains("another tenant has the name `acme`"));
}

#[test]
fn tokens_are_of_a_tenant_or_of_the_operator() {
    let table = |more: &str| format!("[[tenant]]\nname = \"acme\"\ndir = \"a\"\n{more}");
    assert!(problem(&table("")).contains("a host with tenants needs tokens"));
    let token = |role: &str, more: &str| format!("[[token]]\nrole = \"{role}\"\nsha256 = \"{DIGEST}\"\n{more}\n");
    let text = problem(&table(&token("admin", "")));
    assert!(text.contains("of the tenant `default`, which is not configured"), "{text}");
    assert!(loaded(&table(&token("admin", "tenant = \"acme\"")), &[], &[]).problems.is_empty());
    let below = format!("[[tenant.token]]\nrole = \"operator\"\nsha256 = \"{DIGEST}\"\n");
    assert!(problem(&table(&below)).contains("the role `operator` is for the operator"));
    assert!(problem(&token("operator", "")).contains("only a host with tenants has an operator"));
    let same = format!("[[tenant.token]]\nrole = \"read\"\nsha256 = \"{DIGEST}\"\n{}", token("operator", ""));
    assert!(problem(&table(&same)).contains("two tokens have the digest"));
    for (time, why) in [
        ("\"soon\"", "expected a time as in RFC 3339"),
        ("2030-01-01", "expected a time as in RFC 3339"),
        ("7", "expected a time"),
        ("\"2030-02-30T00:00:00Z\"", "there is no date 2030-02-30; that month has 28 days"),
        ("\"2030-13-01T00:00:00Z\"", "there is no month 13"),
        ("\"2030-01-01T24:00:00Z\"", "there is no time 24:00:00"),
        ("\"2030-01-01T00:00:00+24:00\"", "there is no offset 24:00"),
    ] {
        let text = problem(&table(&token("operator", &format!("expires = {time}"))));
        assert!(text.contains(&format!("`expires` must be a time with an offset: {why}")), "{time}: {text}");
    }
}

#[test]
fn tenants_and_tokens_need_no_restart() {
    let (before, after) = (loaded(&tenant(""), &[], &[]), loaded(&tenant("weight = 7"), &[], &[]));
    assert_eq!(after.changed_keys(&before), Vec::<String>::new());
}
