//! The configuration of tenants on the command line: serving, checking and showing it.

use saggar_tests::app::App;
use saggar_tests::program::{command, output};

use super::stage::{Operator, table, token};

#[test]
fn a_host_serves_an_app_or_tenants() {
    let operator = Operator::new(&["acme"]);
    let said = output(operator.command("serve").arg(operator.path("acme")));
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(
        said.err.contains("this configuration has tenants") && said.err.contains("leave out the app"),
        "{}",
        said.err
    );
    let said = output(command().arg("serve"));
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("no app and no configuration is named"), "{}", said.err);
    operator.write_configuration("drain = \"1s\"\n");
    let said = output(&mut operator.command("serve"));
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("has no tenants") && said.err.contains("[[tenant]]"), "{}", said.err);
}

#[test]
fn an_apps_own_file_cannot_have_tenants() {
    let app = App::new().file("saggar.toml", table("acme"));
    let said = output(command().arg("serve").arg(app.path()));
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("only the operator can") && said.err.contains("saggar.toml:1:"), "{}", said.err);
}

#[test]
fn all_tenants_are_checked() {
    let operator = Operator::new(&["acme", "globex"]);
    let said = output(&mut operator.command("check"));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert!(said.out.contains("tenant acme") && said.out.contains("tenant globex"), "{}", said.out);
    operator.write("globex", "tasks/bad.json", "{ \"process\": 7 }");
    let said = output(operator.command("check").arg("--json"));
    assert_eq!(said.code, Some(1));
    let document: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(document["tenants"]["acme"]["tasks"][0]["id"], "echo");
    assert_eq!(document["tenants"]["globex"]["problems"][0]["location"]["file"], "tasks/bad.json", "{document}");
}

#[test]
fn the_configuration_is_shown_without_secrets() {
    let operator = Operator::new(&["acme"]);
    let quotas = "[tenant.quotas]\nrunning = 4\nmemory = \"1GiB\"\n";
    operator.configure(&["acme"], &format!("{quotas}{}", table("globex")));
    let said = output(&mut operator.command("config"));
    assert_eq!(said.code, Some(0), "{said:?}");
    let line = said.out.lines().find(|line| line.starts_with("tenant ")).expect("the key");
    assert!(line.contains("acme") && line.contains("host.toml:"), "{line}");
    let said = output(operator.command("config").arg("--json"));
    let document: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    let settings = document["settings"].as_array().expect("settings");
    let tenants = &settings.iter().find(|setting| setting["key"] == "tenant").expect("the key")["value"];
    assert_eq!(tenants[0]["quotas"], serde_json::json!({ "running": 4, "memory": 1_u64 << 30 }));
    assert_eq!(tenants[1]["name"], "globex");
    let digest = saggar::api::Token::digest_of("acme");
    assert!(!said.out.contains(&digest) && said.out.contains(&digest[..8]), "{}", said.out);
    operator.write_configuration(&token("token", "operator", "operator"));
    let said = output(&mut operator.command("config"));
    assert!(said.err.contains("only a host with tenants has an operator"), "{}", said.err);
}
