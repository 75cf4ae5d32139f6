//! `saggar tenants` and `saggar audit`, on a host of one app.

use serde_json::json;

use super::stage::{ask, ask_json, ask_well, serve};

#[test]
fn tenants_are_listed_and_shown() {
    let server = serve();
    ask_well(&server, &["add", "mail.send", "ada", "--key", "k", "--wait"]);
    let listed = ask_well(&server, &["tenants"]);
    let row: Vec<&str> = listed.lines().nth(1).expect("a tenant").split_whitespace().collect();
    assert_eq!(row[..4], ["default", "ready", "100", "9"], "{listed}");
    let shown = ask_well(&server, &["tenants", "default"]);
    assert!(shown.contains("1 success") && shown.contains("running                0 of no limit"), "{shown}");
    assert_eq!(ask_json(&server, &["tenants", "default"])["counts"]["success"], 1);
    assert_eq!(ask_json(&server, &["tenants"])["tenants"][0]["name"], "default");
    server.stop();
}

#[test]
fn a_command_is_about_the_tenant_that_it_names() {
    let server = serve();
    assert_eq!(ask_well(&server, &["add", "mail.send", "ada", "--key", "k", "--tenant", "default"]).trim(), "1");
    let refused = ask(&server, &["list", "--tenant", "nobody"]);
    assert_eq!((refused.code, refused.err.contains("(unknown-tenant)")), (Some(2), true), "{}", refused.err);
    let refused = ask(&server, &["list", "--tenant", "no\nbody"]);
    assert_eq!((refused.code, refused.err.contains("invalid tenant name")), (Some(2), true), "{}", refused.err);
    let refused = ask(&server, &["tenants", "default", "--remove"]);
    assert_eq!((refused.code, refused.err.contains("(tenant-configured)")), (Some(1), true), "{}", refused.err);
    assert_eq!(ask(&server, &["tenants", "--remove"]).code, Some(2), "whose data?");
    server.stop();
}

#[test]
fn the_audit_shows_what_was_changed() {
    let server = serve();
    assert_eq!(ask(&server, &["audit"]).err, "(no entries)\n");
    ask_well(&server, &["add", "mail.send", "later", "--key", "k", "--delay", "1h"]);
    ask_well(&server, &["cancel", "mail.send", "1"]);
    ask_well(&server, &["pause", "mail.send"]);
    let shown = ask_well(&server, &["audit"]);
    let rows: Vec<Vec<&str>> = shown.lines().skip(1).map(|line| line.split_whitespace().skip(1).collect()).collect();
    assert_eq!(rows[0], ["default", "operator", "127.0.0.1", "tasks.pause", "mail.send", "1", "204"], "{shown}");
    assert_eq!(rows[1], ["default", "operator", "127.0.0.1", "jobs.cancel", "mail.send", "1", "200", "jobs", "1"]);
    assert_eq!(rows[2], ["default", "operator", "127.0.0.1", "jobs.add", "mail.send", "1", "201"]);
    let page = ask(&server, &["audit", "--limit", "1"]);
    assert!(page.err.contains("older entries follow; --after a"), "{}", page.err);
    assert_eq!(ask_json(&server, &["audit"])["entries"][1]["jobs"], json!([1]));
    server.stop();
}
