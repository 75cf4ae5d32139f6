//! Paths, ids and queries that look valid, or equivalent to others, but are not.

use super::{JOBS, Victim, refused};

#[test]
fn invalid_ids_are_refused() {
    let victim = Victim::start();
    let digits = "9".repeat(10_000);
    for id in [
        "0",
        "00",
        "01",
        "-1",
        "+1",
        "1.0",
        "1e3",
        "0x1",
        "1_000",
        "%31%00",
        "1%20",
        "%C2%B2",
        "%D9%A1",
        "true",
        "null",
        "x",
        "18446744073709551616",
        "99999999999999999999999999",
        &digits,
    ] {
        let job = format!("{JOBS}/{id}");
        for line in [
            format!("GET {job}"),
            format!("DELETE {job}"),
            format!("GET {job}/logs"),
            format!("GET {job}/attempts"),
            format!("POST {job}/cancel"),
            format!("POST {job}/retry"),
        ] {
            assert_eq!(victim.ask(&line, ""), refused(400, "invalid-id"), "{line}");
        }
    }
    for id in ["1", "%31", "18446744073709551615"] {
        assert_eq!(victim.ask(&format!("GET {JOBS}/{id}"), ""), refused(404, "unknown-job"), "{id}");
    }
    victim.survives(16);
}

#[test]
fn paths_are_not_normalized() {
    let victim = Victim::start();
    let long = "a".repeat(50_000);
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v1/jobs/",
        "//v1/jobs",
        "/v1//jobs",
        "/V1/jobs",
        "/v1/tasks/",
        "/v1/./jobs",
        "/../../../../etc/passwd",
        "/v1/tasks/mail.send/jobs/1/",
        "/v1/tasks/mail.send/jobs/1/logs/x",
        "/v1%2fjobs",
        "/v1/jobs;a=b",
        "/healthz/",
        "/openapi.yaml",
        "/index.html",
        &format!("/{long}"),
        &format!("/{}", "a/".repeat(20_000)),
    ] {
        assert_eq!(victim.ask(&format!("GET {path}"), ""), refused(404, "unknown-route"), "{path}");
    }
    for task in [
        "..",
        ".",
        "%2e%2e",
        "%2E%2E%2F%2E%2E",
        "mail%2fsend",
        "mail%00send",
        "%00",
        "mail.send%00",
        "%20mail.send",
        "mail.send%0d%0a",
        "%F0%9F%92%A9",
        "mail.send.json",
        "%25%30%30",
        "*",
        "'%20or%201=1--",
        "%3Cscript%3E",
        &long,
    ] {
        for line in [
            format!("GET /v1/tasks/{task}"),
            format!("GET /v1/tasks/{task}/jobs/1"),
            format!("POST /v1/tasks/{task}/pause"),
        ] {
            assert_eq!(victim.ask(&line, ""), refused(404, "unknown-task"), "{line}");
        }
    }
    assert_eq!(victim.ask("GET /v1/tasks//jobs", ""), refused(404, "unknown-task"));
    for task in ["%ff", "%c3%28", "a%80", "%ed%a0%80"] {
        assert_eq!(victim.ask(&format!("GET /v1/tasks/{task}"), ""), refused(400, "invalid-path"), "{task}");
    }
    // These name an existing task.
    for task in ["%6dail%2Esend", "MAIL.send"] {
        assert_eq!(victim.server.raw(victim.server.head(&format!("GET /v1/tasks/{task}"), "")).status, 200, "{task}");
    }
    victim.survives(16);
}

/// Tests the absolute, asterisk and authority forms of a request target.
#[test]
fn targets_for_proxies_do_not_reach_other_hosts() {
    let victim = Victim::start();
    let server = &victim.server;
    assert_eq!(server.raw(server.head("GET http://elsewhere.example/healthz", "")).status, 200);
    assert_eq!(victim.ask("GET http://elsewhere.example/../secret", ""), refused(404, "unknown-route"));
    for line in ["OPTIONS *", "CONNECT elsewhere.example:443", "GET file:///etc/passwd"] {
        let answer = server.raw(server.head(line, ""));
        assert!((400..500).contains(&answer.status), "{line}: {answer:?}");
    }
    victim.survives(16);
}

/// Tests keys and values of a query that are meaningless or too long.
#[test]
fn invalid_queries_are_refused_and_odd_ones_accepted() {
    let victim = Victim::start();
    let server = &victim.server;
    for query in ["text=%ff", "text=%00", "text=%", "text=%zz", "text=a+b", "text=%F0%9F%92%A9", "&&", "text="] {
        assert_eq!(server.raw(server.head(&format!("GET /v1/jobs?{query}"), "")).status, 200, "{query}");
    }
    let long = format!("after={}", "c".repeat(50_000));
    for query in [
        "%00=1",
        "limit=1%00",
        "=",
        "a",
        "limit[]=1",
        "limit%5B%5D=1",
        "limit=1;order=oldest",
        "limit=99999999999999999999",
        &long,
    ] {
        assert_eq!(victim.ask(&format!("GET /v1/jobs?{query}"), ""), refused(400, "invalid-query"), "{query}");
    }
    let wait = |text: &str| victim.ask(&format!("GET {JOBS}/1?wait={text}"), "");
    for bad in ["", "-1s", "1", "s", "1e9s", "0x1s", "1%00s", "9999999999999999999s", "%D9%A1s"] {
        assert_eq!(wait(bad), refused(400, "invalid-query"), "{bad}");
    }
    assert_eq!(wait("999999999m"), refused(404, "unknown-job"));
    victim.survives(16);
}
