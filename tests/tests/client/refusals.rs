//! Failures between a command and a host, each with its exit code and with advice.

use saggar_tests::program::{CommandOutput, command, output, saggar};
use saggar_tests::server::Server;

use serde_json::{Value, json};

use super::stage::{app, ask, ask_json, ask_well, client, feed, serve};

/// The role and digest of the token `read-token`.
const READ: &str = "read:0328587016f9e316b9c31c94f944a2c453e1494a564062b5eab68039c75b58bf";

fn shown(said: &CommandOutput) -> String {
    assert!(!said.err.contains("panicked"), "{}", said.err);
    format!("exit code {}\n{}{}", said.code.expect("no signal ended it"), said.out, said.err)
}

#[test]
fn a_missing_host_is_reported() {
    // The port of a service that has stopped.
    let server = serve();
    let url = server.url("");
    server.stop();
    let commands: [&[&str]; 12] = [
        &["add", "mail.send"],
        &["get", "mail.send", "1"],
        &["list"],
        &["watch"],
        &["watch", "mail.send", "1"],
        &["logs", "-f", "mail.send", "1"],
        &["cancel", "mail.send", "1"],
        &["retry", "mail.send", "1", "2"],
        &["delete", "mail.send", "1"],
        &["pause", "mail.send"],
        &["stats"],
        &["tasks"],
    ];
    for arguments in commands {
        let said = output(command().args(arguments).args(["--url", &url]));
        assert_eq!((said.code, said.out.as_str()), (Some(3), ""), "{arguments:?}: {}", said.err);
        assert!(said.err.contains(&format!("no host at {url} (")), "{}", said.err);
        assert!(said.err.contains("`saggar serve APP`"), "{}", said.err);
        let said = output(command().args(arguments).args(["--json", "--url", &url]));
        let document: Value = serde_json::from_str(&said.err).unwrap_or_else(|error| panic!("{error}: {}", said.err));
        assert_eq!((said.code, said.out.as_str(), &document["code"]), (Some(3), "", &json!("unreachable")));
        assert!(document["detail"].as_str().is_some_and(|detail| detail.contains(&url)), "{document}");
    }
}

/// The document is the host's answer, with a context that names what was added before.
#[test]
fn a_refusal_is_a_json_document_for_programs() {
    let server = serve();
    let said = |said: &CommandOutput| {
        assert_eq!((said.out.as_str(), said.err.lines().count()), ("", 1), "{}", said.err);
        serde_json::from_str::<Value>(&said.err).unwrap_or_else(|error| panic!("{error}: {}", said.err))
    };
    let refused = ask(&server, &["get", "mial.\u{1b}[2Jsend", "1", "--json"]);
    let document = said(&refused);
    assert_eq!((refused.code, &document["status"], &document["code"]), (Some(2), &json!(404), &json!("unknown-task")));
    assert!(document["title"].is_string() && document["context"].is_null(), "{document}");
    assert!(!refused.err.contains('\u{1b}'), "{:?}", refused.err);
    let refused = feed(&server, &["add", "mail.send", "--file", "-", "--key", "k", "--json"], "{\"run_at\":\"x\"}\n");
    let context = said(&refused)["context"].as_str().map(str::to_owned).unwrap_or_default();
    assert!(context.contains("--key k") && context.ends_with("line 1"), "{context}");
    let document = said(&ask(&server, &["get", "..", "1", "--json"]));
    assert_eq!(document["code"], "invalid-task-id");
}

/// A server is running, so the advice must not be to start a host.
#[test]
fn an_untrusted_host_is_not_reported_as_missing() {
    let server = serve();
    let url = server.url("").replace("http://", "https://");
    let said = output(command().args(["add", "mail.send", "--url", &url]));
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""), "{}", said.err);
    assert!(said.err.contains(&format!("cannot secure the connection to {url} (")), "{}", said.err);
    assert!(
        said.err.contains("Does the host use http instead of https?") && !said.err.contains("saggar serve"),
        "{}",
        said.err
    );
    // Without certificates to verify hosts, the error shows the reason.
    let nowhere = ["SSL_CERT_FILE", "SSL_CERT_DIR"].map(|name| (name, "/nowhere"));
    let said = output(command().args(["stats", "--url", &url]).envs(nowhere));
    assert!(said.code == Some(3) && !said.err.contains("builder error"), "{}", said.err);
}

#[test]
fn a_refusal_is_shown_with_its_code() {
    let server = serve();
    ask_well(&server, &["add", "mail.send", "--wait"]);
    let refused: [(&str, &[&str]); 6] = [
        ("unknown_task", &["add", "mial.send", "x"]),
        ("unknown_task_watched", &["watch", "mial.send"]),
        ("unknown_job", &["get", "mail.send", "99"]),
        ("unknown_job_followed", &["logs", "-f", "mail.send", "99"]),
        ("ended", &["cancel", "mail.send", "1"]),
        ("no_task_id", &["get", "..", "1"]),
    ];
    for (name, arguments) in refused {
        insta::assert_snapshot!(name, shown(&ask(&server, arguments)));
    }
    // Any text is a name, and never changes the path of the request.
    for task in ["a/../b", "mail.send/jobs/1", "%2e%2e", "mail.send?x", "é\u{1b}[2J"] {
        let said = ask(&server, &["get", task, "1"]);
        assert!(said.code == Some(2) && said.err.contains("unknown-task"), "{task:?}: {}", said.err);
        assert!(!said.err.contains('\u{1b}'), "{:?}", said.err);
    }
}

#[test]
fn a_token_is_required() {
    let server = Server::start(&app(), &["--store", "memory", "--token", READ]);
    insta::assert_snapshot!("no_token", shown(&ask(&server, &["stats"])));
    let with = |token: &str, arguments: &[&str]| output(client(&server, arguments).env("SAGGAR_TOKEN", token));
    insta::assert_snapshot!("wrong_token", shown(&with("wrong-token", &["stats"])));
    insta::assert_snapshot!("weak_token", shown(&with("read-token", &["add", "mail.send"])));
    assert_eq!(with("read-token", &["stats"]).code, Some(0));
    assert_eq!(ask(&server, &["stats", "--token", "read-token"]).code, Some(0));
    assert_eq!(with("read-token", &["stats", "--token", "wrong-token"]).code, Some(1));
    // An empty token counts as unset, and a token that is invalid in a header is an error.
    assert!(with("", &["stats"]).err.contains("(unauthorized)"));
    let bad = with("a\nb", &["stats"]);
    assert!(bad.code == Some(2) && !bad.err.contains("a\nb"), "{}", bad.err);
    // The help does not show values from the environment.
    assert!(!with("read-token", &["stats", "--help"]).out.contains("read-token"));
}

#[test]
fn an_invalid_url_is_wrong_usage() {
    for url in ["", "localhost:7717", "ftp://host", "http://user:secret@host", "http://"] {
        let said = saggar(["stats", "--url", url]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{url}: {}", said.err);
        assert!(said.err.contains("http://127.0.0.1:7717"), "{url}: {}", said.err);
    }
}

/// A proxy in the environment does not apply to this machine.
#[test]
fn a_host_on_this_machine_is_reached_without_a_proxy() {
    let server = serve();
    let mut stats = client(&server, &["stats"]);
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        stats.env(name, "http://127.0.0.1:1");
    }
    let said = output(&mut stats);
    assert_eq!(said.code, Some(0), "{}", said.err);
}

#[test]
fn the_help_lists_the_exit_codes() {
    const CODES: &str = "Exit codes: 0 success; 1 the job failed, the host refused, the app has problems, or anything else \
                         failed; 2 wrong usage, an unknown task, or an error in the configuration; 3 the host cannot be \
                         reached, or the connection was lost; 130 interrupted.";
    let help = |command: &[&str]| saggar(command.iter().chain(&["--help"])).out;
    let whole = help(&[]);
    let commands = whole.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // Lines with more indentation continue the previous line.
    let commands = commands.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let commands: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.len() > 20, "{whole}");
    for help in commands.into_iter().map(|command| help(&[command])).chain([whole.clone()]) {
        let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(CODES), "{help}");
    }
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let server = serve();
    let (url, names) = (server.url(""), ["SAGGAR_URL", "SAGGAR_RETRY_FOR", "SAGGAR_TOKEN"]);
    let said = output(command().args(["stats", "--url", &url]).envs(names.map(|name| (name, ""))));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let said = output(command().args(["stats", "--help"]).env("SAGGAR_URL", ""));
    assert!(said.out.contains("[default: http://127.0.0.1:7717]"), "{}", said.out);
}

/// Durations are parsed as in the configuration.
#[test]
fn durations_without_a_unit_are_seconds() {
    let server = serve();
    let added = ask_json(&server, &["add", "mail.send", "--delay", "3600", "--retry-for", "0.5"]);
    let job = ask_json(&server, &["get", "mail.send", &added["id"].to_string(), "--retry-for", "1m 30s"]);
    assert_eq!(job["status"], "WAITING");
    let said = ask(&server, &["stats", "--retry-for", "soon"]);
    assert!(said.code == Some(2) && said.err.contains("invalid duration (examples: 30s"), "{}", said.err);
}
