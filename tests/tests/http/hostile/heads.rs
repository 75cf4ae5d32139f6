//! Heads that are not HTTP, too large, too slow, or sent all at once.

use std::time::{Duration, Instant};

use saggar_tests::raw::Raw;
use saggar_tests::server::Server;
use saggar_tests::timeout::TIMEOUT;

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
    // A head that never ends, from several clients at once.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut raw = server.connect();
                raw.send("GET /v1/jobs HTTP/1.1\r\nx: ");
                let mut writer = raw.second_handle();
                let writing = scope.spawn(move || (0..1_000).take_while(|_| writer.try_send([b'y'; 100_000])).count());
                assert_eq!(refusal(&raw.answer().expect("an answer")), refused(431, "head-too-large"));
                drop(raw);
                writing.join().expect("a client does not panic");
            });
        }
    });
    victim.survives(32);
}

#[test]
fn malformed_requests_are_refused() {
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
fn an_unknown_method_is_answered_with_the_allowed_ones() {
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
fn pipelined_requests_are_answered_in_order() {
    let victim = Victim::start();
    let server = &victim.server;
    let requests: String = (1..=1_000).map(|id| server.head(&format!("GET {JOBS}/{id}"), "")).collect();
    let mut raw = server.connect();
    let mut writer = raw.second_handle();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            writer.send(&requests);
        });
        for id in 1..=1_000 {
            let answer = raw.answer().expect("an answer");
            assert_eq!(refusal(&answer), refused(404, "unknown-job"));
            assert_eq!(answer.json()["instance"], format!("{JOBS}/{id}"));
        }
    });
    victim.survives(16);
}

/// Clients that send a few bytes now and then, and clients that send nothing, as long as the server allows it.
#[test]
fn slow_heads_time_out_and_do_not_delay_other_clients() {
    let victim = Victim::start_with(&["--http-head-time", "5s"]);
    let server = &victim.server;
    let idle: Vec<_> = (0..300).map(|_| server.connect()).collect();
    let began = Instant::now();
    let mut slow = server.connect();
    slow.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n");
    let mut writer = slow.second_handle();
    let drips = std::thread::spawn(move || {
        // The client sends as long as the server reads.
        while writer.try_send("x: y\r\n") && began.elapsed() < TIMEOUT {
            std::thread::sleep(Duration::from_secs(1));
        }
    });
    for _ in 0..100 {
        assert_eq!(server.raw(server.head("GET /healthz", "")).status, 200);
    }
    // The client is disconnected after 5 s, although it sends a whole line every second.
    assert_eq!(refusal(&slow.answer().expect("an answer")), refused(408, "head-timeout"));
    assert!((Duration::from_secs(4)..TIMEOUT).contains(&began.elapsed()), "{:?}", began.elapsed());
    drop(slow);
    drips.join().expect("a client does not panic");
    drop(idle);
    victim.survives(32);
}

/// Starts a request and leaves its body unsent, so that the connection is busy.
fn begin(server: &Server, one: &mut Raw) {
    one.send(server.post_head(JOBS, "content-length: 12\r\nexpect: 100-continue\r\n"));
    assert_eq!(one.answer().expect("the server waits for the body").status, 100);
}

fn finish(one: &mut Raw) -> u16 {
    one.send("{\"args\": []}");
    one.answer().expect("an answer").status
}

/// A client that connects when all connections are busy waits until one is free, and is served then.
#[test]
fn a_connection_beyond_the_limit_waits_for_its_turn() {
    let victim = Victim::start_with(&["--http-connections", "2", "--http-head-time", "60s"]);
    let server = &victim.server;
    let ask = server.head("GET /healthz", "");
    let mut taken = [server.connect(), server.connect()];
    taken.iter_mut().for_each(|one| begin(server, one));
    let mut waiting = [server.connect(), server.connect()];
    waiting.iter_mut().for_each(|one| one.send(&ask));
    let [first, second] = &mut waiting;
    assert!(first.answer_within(Duration::from_millis(300)).is_none(), "a third connection is served");
    let [one, mut other] = taken;
    drop(one);
    assert_eq!(first.answer().expect("its turn has come").status, 200);
    // The first one is idle now, and is closed to free a connection.
    assert_eq!(second.answer().expect("its turn has come").status, 200);
    // Busy clients keep their connections.
    assert_eq!(finish(&mut other), 201);
    drop((other, waiting));
    victim.survives(16);
}

/// Opens 300 connections with half a head each, while others send requests.
fn open_half_heads(server: &Server) -> Vec<Raw> {
    let mut half = Vec::new();
    for round in 0..300 {
        let mut one = server.connect();
        one.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-filler: ");
        half.push(one);
        if round % 3 == 0 {
            assert_eq!(server.raw(server.head("GET /healthz", "")).status, 200, "after {round} half heads");
        }
    }
    half
}

/// Endless heads from a client without a token do not take connections from clients with a request.
#[tokio::test(flavor = "multi_thread")]
async fn incomplete_heads_are_closed_in_favour_of_requests() {
    let victim = Victim::start_with(&["--http-connections", "64"]);
    let server = &victim.server;
    let mut working = server.connect();
    begin(server, &mut working);
    let half = open_half_heads(server);
    assert_eq!(finish(&mut working), 201, "a request in flight was cut off");
    eprintln!("300 half heads: the host grew by {} KiB", victim.growth.peak_bytes() >> 10);
    drop(half);
    victim.releases_memory(|| drop(open_half_heads(server))).await;
    victim.survives(16);
}

/// Opens 150 connections that are idle after a request, and as many with a large half head.
fn open_idle_and_large(server: &Server) -> Vec<Raw> {
    let mut open = Vec::new();
    for round in 0..300 {
        let mut one = server.connect();
        if round % 2 == 0 {
            one.send(server.head("GET /healthz", ""));
            assert_eq!(one.answer().expect("an answer").status, 200);
        } else {
            one.send(format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-filler: {}", "x".repeat(60 << 10)));
        }
        open.push(one);
    }
    open
}

/// Connections that are idle after a complete request, and incomplete heads of 60 KiB, are closed as well.
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_and_large_incomplete_heads_are_closed_too() {
    let victim = Victim::start_with(&["--http-connections", "64"]);
    let server = &victim.server;
    let open = open_idle_and_large(server);
    for _ in 0..100 {
        assert_eq!(server.raw(server.head("GET /healthz", "")).status, 200);
    }
    eprintln!(
        "150 idle connections and 150 large half heads: the host grew by {} KiB",
        victim.growth.peak_bytes() >> 10
    );
    drop(open);
    victim.releases_memory(|| drop(open_idle_and_large(server))).await;
    victim.survives(32);
}

/// Each address has a share of the connections; another address still gets some when busy requests use up that share.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_its_share_of_connections() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let victim = Victim::start_with(&["--http-connections", "8", "--http-address-share", "0.5"]);
    let server = &victim.server;
    let mut taken: Vec<_> = (0..4).map(|_| server.connect()).collect();
    taken.iter_mut().for_each(|one| begin(server, one));
    let refusal_of = refusal(&server.connect().answer().expect("a refusal"));
    assert_eq!(refusal_of, refused(503, "overloaded"));
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.2:0".parse().expect("an address")).expect("all of 127.0.0.0/8 is this machine");
    let mut other = socket.connect(server.address()).await.expect("there is room for it");
    let ask = server.head("GET /healthz", "connection: close\r\n");
    other.write_all(ask.as_bytes()).await.expect("the server accepts it");
    let mut answer = String::new();
    other.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(finish(&mut taken[0]), 201);
    drop(taken);
    victim.survives(16);
}

/// A new connection has five seconds for its first head, whether it sends nothing or a part; later heads have the
/// configured time.
#[test]
fn the_first_head_of_a_connection_has_five_seconds() {
    let victim = Victim::start();
    let server = &victim.server;
    let mut open = server.connect();
    open.send(server.head("GET /healthz", ""));
    assert_eq!(open.answer().expect("an answer").status, 200);
    let began = Instant::now();
    let (mut silent, mut half) = (server.connect(), server.connect());
    half.send("GET /healthz HTTP/1.1\r\n");
    assert!(silent.answer().is_none(), "the connection was not closed");
    assert_eq!(refusal(&half.answer().expect("an answer")), refused(408, "head-timeout"));
    let took = began.elapsed();
    assert!((Duration::from_secs(4)..Duration::from_secs(20)).contains(&took), "{took:?}");
    open.send(server.head("GET /healthz", ""));
    assert_eq!(open.answer().expect("the connection was idle for five seconds only").status, 200);
    victim.survives(16);
}

/// Connections without a request are closed when others wait.
#[test]
fn idle_connections_are_closed_when_others_wait() {
    let victim = Victim::start_with(&["--http-connections", "2", "--http-head-time", "1s"]);
    let server = &victim.server;
    let idle = [server.connect(), server.connect()];
    assert_eq!(server.raw(server.head("GET /healthz", "")).status, 200);
    drop(idle);
    victim.survives(16);
}
