//! Bodies that are too large, too deep, not text, incomplete, or have two lengths.

use std::time::{Duration, Instant};

use saggar_tests::server::Server;

use super::super::stage::serve_with;
use super::{BATCH, JOBS, Victim, refusal, refused};

/// A server that reads the whole body would need longer and use more memory.
const QUICK: Duration = Duration::from_secs(10);

#[test]
fn an_announced_body_of_100_mb_is_refused() {
    let victim = Victim::start();
    for path in [JOBS, BATCH] {
        let began = Instant::now();
        let mut raw = victim.server.connect();
        raw.send(victim.server.post_head(path, "content-length: 104857600\r\n"));
        let answer = raw.answer().expect("an answer before the body");
        assert_eq!(refusal(&answer), refused(413, "body-too-large"));
        assert!(answer.headers.contains(&"connection: close".to_owned()), "{answer:?}");
        assert!(raw.is_closed());
        assert!(began.elapsed() < QUICK, "{:?}", began.elapsed());
    }
    victim.survives(32);
}

/// Eight clients write the whole body, some without a length, while they read.
#[test]
fn a_body_of_100_mb_is_refused_while_it_is_sent() {
    let victim = Victim::start();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for client in 0..8 {
            let server = &victim.server;
            scope.spawn(move || {
                let is_chunked = client % 2 == 0;
                let headers =
                    if is_chunked { "transfer-encoding: chunked\r\n" } else { "content-length: 104857600\r\n" };
                let mut raw = server.connect();
                raw.send(server.post_head(if client < 4 { JOBS } else { BATCH }, headers));
                let mut writer = raw.second_handle();
                let writing = scope.spawn(move || {
                    let piece = if is_chunked { chunk(&[b' '; 1 << 20]) } else { vec![b' '; 1 << 20] };
                    (0..100).take_while(|_| writer.try_send(&piece)).count()
                });
                let answer = raw.answer().expect("an answer");
                assert_eq!(refusal(&answer), refused(413, "body-too-large"));
                drop(raw);
                writing.join().expect("a client does not panic");
            });
        }
    });
    assert!(began.elapsed() < 3 * QUICK, "{:?}", began.elapsed());
    // Four of them may use the size of the largest body, and a growing vector has twice the size of its contents.
    victim.survives(4 * 2 * 20);
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

#[test]
fn deeply_nested_json_is_refused() {
    const LEVELS: usize = 100_000;
    let victim = Victim::start();
    let (open, close) = ("[".repeat(LEVELS), "]".repeat(LEVELS));
    let objects = "{\"a\":".repeat(LEVELS);
    for body in [
        format!("{{\"args\":{open}{close}}}"),
        format!("{{\"args\":[{objects}1{}]}}", "}".repeat(LEVELS)),
        // One level too many.
        format!("{{\"args\":{}1{}}}", "[".repeat(129), "]".repeat(129)),
    ] {
        assert_eq!(victim.post(JOBS, &body), refused(400, "invalid-args"));
        assert_eq!(victim.post(BATCH, format!("{{\"jobs\":[{body}]}}")), refused(400, "invalid-args"));
    }
    for body in [
        open.clone(),
        format!("{open}{close}"),
        objects,
        format!("{{\"args\":{open}"),
        format!("{{\"unique\":{open}{close}}}"),
        format!("{{\"jobs\":{open}{close}}}"),
        format!("{{\"priority\":{open}{close}}}"),
    ] {
        assert_eq!(victim.post(JOBS, &body), refused(400, "invalid-body"));
        assert_eq!(victim.post(BATCH, &body), refused(400, "invalid-body"));
    }
    victim.survives(64);
}

#[test]
fn invalid_utf8_and_invalid_json_are_refused() {
    let victim = Victim::start();
    for body in [&b"\xff\xfe{\0}\0"[..], b"{\"args\":[\"\xc3\x28\"]}", b"{\"args\":[\"\xed\xa0\x80\"]}", b"{} \xf8"] {
        assert_eq!(victim.post(JOBS, body), refused(400, "invalid-utf8"));
    }
    for body in [
        "",
        " ",
        "null",
        "[]",
        "[[1]]",
        "\u{feff}\u{feff}{}",
        "{}{}",
        "{\"args\":[1],}",
        "{\"args\":[NaN]}",
        "{\"args\":[\"\\ud800\"",
        "{\"args\":[],\"args\":[]}",
        "{\"argz\":[]}",
        "{\"priority\":32768}",
        "{\"priority\":1e3}",
        "{\"delay_ms\":-1}",
        "{\"delay_ms\":18446744073709551616}",
        "{\"delay_ms\":1.5}",
        "{\"run_at\":\"soon\"}",
        "{\"run_at\":0}",
        "{\"unique\":{\"by\":\"args\",\"positions\":[4294967296]}}",
        "{\"unique\":{\"by\":\"args\",\"positions\":[-1]}}",
        "{\"unique\":{\"by\":\"task\",\"positions\":[0]}}",
        "{\"unique\":{\"by\":\"all\"}}",
        "{\"unique\":{}}",
    ] {
        assert_eq!(victim.post(JOBS, body), refused(400, "invalid-body"), "{body}");
    }
    for body in ["{\"jobs\":[]}", "{}", "{\"jobs\":{}}", "{\"jobs\":[[]]}", "{\"jobs\":[{\"key\":\"\"}]}"] {
        assert_eq!(victim.post(BATCH, body), refused(400, "invalid-body"), "{body}");
    }
    let many = format!("{{\"jobs\":[{}{{}}]}}", "{},".repeat(10_000));
    assert_eq!(victim.post(BATCH, many), refused(413, "body-too-large"));
    victim.survives(64);
}

/// A job of two bytes takes more than a hundred bytes when parsed.
#[test]
fn millions_of_jobs_are_refused_without_being_stored_first() {
    let victim = Victim::start();
    let many = format!("{{\"jobs\":[{}{{}}]}}", "{},".repeat(5_000_000));
    assert_eq!(victim.post(BATCH, many), refused(413, "body-too-large"));
    victim.survives(96);
}

/// A job's fingerprint is computed from parsed arguments, which take a multiple of their bytes.
#[test]
fn unique_jobs_do_not_multiply_the_memory_of_arguments() {
    let victim = Victim::start();
    let (large, positions) = ("x".repeat(4_000_000), "0,".repeat(99));
    let body = format!("{{\"args\":[\"{large}\"],\"unique\":{{\"by\":\"args\",\"positions\":[{positions}0]}}}}");
    assert_eq!(victim.post(JOBS, body), refused(400, "invalid-body"));
    let args = "{\"\":0},".repeat(2_000_000);
    let body = format!("{{\"jobs\":[{{\"args\":[{args}0],\"unique\":{{\"by\":\"args\"}}}}]}}");
    assert_eq!(victim.post(BATCH, body), refused(400, "invalid-args"));
    victim.survives(96);
}

#[test]
fn a_refused_value_is_not_repeated_in_full() {
    let victim = Victim::start();
    let long = "é".repeat(1_000_000);
    for body in [format!("{{\"{long}\":1}}"), format!("{{\"delay_ms\":\"{long}\"}}")] {
        let head = victim.server.post_head(JOBS, &format!("content-length: {}\r\n", body.len()));
        let answer = victim.server.raw(head + &body);
        assert_eq!(refusal(&answer), refused(400, "invalid-body"));
        assert!(answer.body.len() < 2_000, "{} bytes", answer.body.len());
    }
    victim.survives(64);
}

/// A client that writes everything before it reads gets the error, although the server discards the rest.
#[test]
fn a_body_can_be_sent_after_its_head_was_refused() {
    const BODY: usize = 5_000_000;
    let post = |server: &Server, line: &str, headers: &str| {
        let mut raw = server.connect();
        let headers = format!("content-type: application/json\r\ncontent-length: {BODY}\r\n{headers}");
        assert!(raw.try_send(server.head(line, &headers)) && raw.try_send(vec![b' '; BODY]), "{line} is cut off");
        refusal(&raw.answer().expect("an answer"))
    };
    let victim = Victim::start();
    for (line, headers, status, code) in [
        (format!("POST {JOBS}?key=1"), "", 400, "invalid-query"),
        (format!("POST {JOBS}"), "origin: https://evil.example\r\n", 403, "foreign-origin"),
        ("POST /v2/jobs".to_owned(), "", 404, "unknown-route"),
        (format!("PUT {JOBS}"), "", 405, "method-not-allowed"),
        (format!("POST {JOBS}"), "", 413, "body-too-large"),
    ] {
        assert_eq!(post(&victim.server, &line, headers), refused(status, code), "{line}");
    }
    victim.survives(32);
    let token = "admin:10a4c7c9fc5206d6f36dc6944a81bb6f4a3cb0e25014ae3b12e6c3e52712292a";
    let guarded = serve_with(&["--token", token]);
    let expired = "authorization: Bearer expired\r\n";
    assert_eq!(post(&guarded, &format!("POST {JOBS}"), expired), refused(401, "unauthorized"));
    guarded.stop();
}

/// The server does not answer `Expect: 100-continue` with 100 if it refuses the body.
#[test]
fn a_refused_body_gets_no_100_continue() {
    let victim = Victim::start();
    let (large, small) = ("content-length: 104857600\r\n", "content-length: 2\r\n");
    for (line, headers, status, code) in [
        (format!("POST {JOBS}"), format!("content-type: application/json\r\n{large}"), 413, "body-too-large"),
        (format!("POST {JOBS}"), small.to_owned(), 415, "unsupported-media-type"),
        ("POST /v2/jobs".to_owned(), small.to_owned(), 404, "unknown-route"),
    ] {
        let asked = victim.ask(&line, &format!("{headers}expect: 100-continue\r\n"));
        assert_eq!(asked, refused(status, code), "{line}");
    }
    let mut raw = victim.server.connect();
    raw.send(victim.server.post_head(JOBS, &format!("{small}expect: 100-continue\r\n")));
    assert_eq!(raw.answer().map(|answer| answer.status), Some(100));
    raw.send("{}");
    assert_eq!(raw.answer().map(|answer| answer.status), Some(201));
    victim.survives(16);
}

#[test]
fn a_body_has_one_length() {
    let victim = Victim::start();
    let server = &victim.server;
    for (headers, body) in [
        ("content-length: 2\r\ncontent-length: 3\r\n", "{}"),
        ("content-length: 2, 3\r\n", "{}"),
        ("content-length: +2\r\n", "{}"),
        ("content-length: -2\r\n", "{}"),
        ("content-length: 0x2\r\n", "{}"),
        ("content-length: 99999999999999999999999\r\n", "{}"),
        ("transfer-encoding: identity\r\n", "{}"),
        ("transfer-encoding: gzip\r\n", "{}"),
        ("transfer-encoding: chunked, gzip\r\n", "2\r\n{}\r\n0\r\n\r\n"),
    ] {
        let answer = server.raw(server.post_head(JOBS, headers) + body);
        assert_eq!(refusal(&answer), refused(400, "malformed-request"), "{headers}");
    }
    for body in ["x\r\n{}\r\n", "-2\r\n{}\r\n", "fffffffffffffffff\r\n{}", "2\r\n{}", "2\r\n{}x\r\n0\r\n\r\n", "2;\n{}"]
    {
        let answer = server.raw_and_no_more(server.post_head(JOBS, "transfer-encoding: chunked\r\n") + body);
        assert_eq!(refusal(&answer), refused(400, "incomplete-body"), "{body}");
    }
    for type_header in [
        "",
        "content-type: text/json\r\n",
        "content-type: application/x-www-form-urlencoded\r\n",
        "content-type: application/json\r\ncontent-type: text/json\r\n",
        "content-type: application/json\r\ncontent-encoding: gzip\r\n",
    ] {
        let head = server.head(&format!("POST {JOBS}"), &format!("{type_header}content-length: 2\r\n"));
        assert_eq!(refusal(&server.raw(head + "{}")), refused(415, "unsupported-media-type"), "{type_header}");
    }
    victim.survives(16);
}

/// If a proxy and the host disagree about the end of a body, the host must not read the rest of a request as another
/// request.
#[test]
fn a_request_cannot_be_smuggled_in_a_body() {
    let victim = Victim::start();
    let server = &victim.server;
    let smuggled = server.head("POST /v1/tasks/mail.send/pause", "");
    for headers in
        ["content-length: 4\r\ntransfer-encoding: chunked\r\n", "transfer-encoding: chunked\r\ncontent-length: 999\r\n"]
    {
        let mut raw = server.connect();
        raw.send(server.post_head(JOBS, headers) + "2\r\n{}\r\n0\r\n\r\n" + &smuggled);
        raw.close_sending();
        let mut answers = Vec::new();
        while let Some(answer) = raw.answer() {
            answers.push(answer.status);
        }
        // Refused, or read by its chunks and the connection closed.
        assert!(matches!(answers[..], [400 | 201]), "{headers}: {answers:?}");
    }
    let task = server.raw(server.head("GET /v1/tasks/mail.send", "")).json();
    assert_eq!(task["paused"], false, "{task}");
    victim.survives(16);
}

/// Clients that disconnect in the middle of a request.
#[test]
fn incomplete_requests_have_no_effect() {
    let victim = Victim::start();
    let server = &victim.server;
    let whole = server.post_head(JOBS, "content-length: 20\r\n") + "{\"args\":[1, 2, 3, 4]";
    for length in (0..whole.len()).step_by(3) {
        server.connect().send(&whole[..length]);
    }
    let task = server.raw(server.head("GET /v1/tasks/mail.send", "")).json();
    assert_eq!(task["counts"]["added"], 0, "{task}");
    victim.survives(16);
}
