//! Heads that are no HTTP, have too much in them, come too slowly, or come all at once.

use std::time::{Duration, Instant};

use saggar_tests::patience::PATIENCE;

use super::{JOBS, Victim, refusal, refused};

#[test]
fn floods_of_headers_are_refused() {
    let victim = Victim::start();
    let server = &victim.server;
    let many = |count: usize| (0..count).map(|number| format!("x-{number}: y\r\n")).collect::<String>();
    assert_eq!(server.raw(server.head("GET /v1/jobs", &many(98))).status, 200);
    for headers in
        [many(101), many(10_000), format!("x: {}\r\n", "y".repeat(200_000)), format!("{}: y\r\n", "x".repeat(200_000))]
    {
        let answer = server.raw(server.head("GET /v1/jobs", &headers));
        assert_eq!(refusal(&answer), refused(431, "head-too-large"), "{} bytes", headers.len());
    }
    // One that never ends, from several at once.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut raw = server.connect();
                raw.send("GET /v1/jobs HTTP/1.1\r\nx: ");
                let mut twin = raw.twin();
                let writing = scope.spawn(move || (0..1_000).take_while(|_| twin.try_send([b'y'; 100_000])).count());
                assert_eq!(refusal(&raw.answer().expect("an answer")), refused(431, "head-too-large"));
                drop(raw);
                writing.join().expect("a client does not panic");
            });
        }
    });
    victim.survives(32);
}

#[test]
fn what_is_no_request_is_refused() {
    let victim = Victim::start();
    let server = &victim.server;
    for bytes in [
        &b"\r\n\r\nhow are you?\r\n\r\n"[..],
        b"GET /healthz\r\n\r\n",
        b"GET /healthz HTTP/0.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n x: folded\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nna me: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nx: a\0b\r\n\r\n",
        b"G\xc3\x89T /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET /health z HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 as TLS begins\r\n\r\n",
    ] {
        let answer = server.raw(bytes);
        assert_eq!(refusal(&answer), refused(400, "malformed-request"), "{:?}", String::from_utf8_lossy(bytes));
    }
    victim.survives(16);
}

#[test]
fn unknown_methods_are_told_the_known_ones() {
    let victim = Victim::start();
    let server = &victim.server;
    for method in ["PUT", "PATCH", "OPTIONS", "TRACE", "BREW", "get", "DELETE", "X-A!", &"M".repeat(1_000)] {
        let answer = server.raw(server.head(&format!("{method} {JOBS}"), "content-length: 0\r\n"));
        assert_eq!(refusal(&answer), refused(405, "method-not-allowed"), "{method}");
        let allow = answer.headers.iter().find_map(|line| line.strip_prefix("allow: "));
        assert!(allow.is_some_and(|allow| allow.contains("get") && allow.contains("post")), "{answer:?}");
    }
    victim.survives(16);
}

#[test]
fn requests_in_one_go_are_answered_in_their_order() {
    let victim = Victim::start();
    let server = &victim.server;
    let requests: String = (1..=1_000).map(|id| server.head(&format!("GET {JOBS}/{id}"), "")).collect();
    let mut raw = server.connect();
    let mut twin = raw.twin();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            twin.send(&requests);
        });
        for id in 1..=1_000 {
            let answer = raw.answer().expect("an answer");
            assert_eq!(refusal(&answer), refused(404, "unknown-job"));
            assert_eq!(answer.json()["instance"], format!("{JOBS}/{id}"));
        }
    });
    victim.survives(16);
}

/// Clients that send a byte now and then, and clients that send nothing, for as long as they are let.
#[test]
fn slow_heads_are_cut_off_and_keep_nobody_waiting() {
    let victim = Victim::start_with(&["--http-head-time", "5s"]);
    let server = &victim.server;
    let idle: Vec<_> = (0..300).map(|_| server.connect()).collect();
    let began = Instant::now();
    let mut slow = server.connect();
    slow.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n");
    let mut twin = slow.twin();
    let drips = std::thread::spawn(move || {
        // As long as somebody listens.
        while twin.try_send("x: y\r\n") && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_secs(1));
        }
    });
    for _ in 0..100 {
        assert_eq!(server.raw(server.head("GET /healthz", "")).status, 200);
    }
    // It is cut off after 5 s, though it sends a whole line every second.
    assert_eq!(refusal(&slow.answer().expect("an answer")), refused(408, "head-timeout"));
    assert!((Duration::from_secs(4)..PATIENCE).contains(&began.elapsed()), "{:?}", began.elapsed());
    drop(slow);
    drips.join().expect("a client does not panic");
    drop(idle);
    victim.survives(32);
}

/// Who comes when all connections are taken waits until one is free, and is answered then.
#[test]
fn a_connection_beyond_the_limit_waits_for_its_turn() {
    let victim = Victim::start_with(&["--http-connections", "2", "--http-head-time", "60s"]);
    let server = &victim.server;
    let ask = server.head("GET /healthz", "");
    let mut taken = [server.connect(), server.connect()];
    for one in &mut taken {
        one.send(&ask);
        assert_eq!(one.answer().expect("there is a connection for it").status, 200);
    }
    let mut waiting = [server.connect(), server.connect()];
    waiting.iter_mut().for_each(|one| one.send(&ask));
    let [first, second] = &mut waiting;
    assert!(first.answer_within(Duration::from_millis(300)).is_none(), "a third connection is served");
    let [one, mut other] = taken;
    drop(one);
    assert_eq!(first.answer().expect("its turn has come").status, 200);
    assert!(second.answer_within(Duration::from_millis(300)).is_none(), "a third connection is served");
    // Those who have one keep it.
    other.send(&ask);
    assert_eq!(other.answer().expect("an answer").status, 200);
    drop(other);
    assert_eq!(second.answer().expect("its turn has come").status, 200);
    drop(waiting);
    victim.survives(16);
}

/// Whoever has a connection and asks for nothing makes room in the end.
#[test]
fn idle_connections_make_room_for_those_that_wait() {
    let victim = Victim::start_with(&["--http-connections", "2", "--http-head-time", "1s"]);
    let server = &victim.server;
    let idle = [server.connect(), server.connect()];
    assert_eq!(server.raw(server.head("GET /healthz", "")).status, 200);
    drop(idle);
    victim.survives(16);
}
