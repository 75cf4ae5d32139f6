//! Mutated bodies, sent to a host: each is answered, none with an error of the host.

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::server::Server;

use super::{corpus, mutation, runs};

/// Requests over HTTP; each takes a fraction of a millisecond.
const REQUESTS: usize = 2_000;

#[test]
fn every_body_is_answered() {
    let server = Server::start(&App::new().simple_task("echo", guests::ECHO), &["--store", "memory"]);
    let files = corpus("request");
    let mut accepted = 0;
    for seed in 0..runs(REQUESTS) {
        let body = mutation(&files, seed);
        let path = ["/v1/tasks/echo/jobs", "/v1/tasks/echo/jobs/batch"][seed % 2];
        let mut request = server.post_head(path, &format!("content-length: {}\r\n", body.len())).into_bytes();
        request.extend(&body);
        let answer = server.raw(&request);
        // 429: the queue is full of what was accepted before.
        assert!(answer.status < 500, "seed {seed}: {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        accepted += usize::from(answer.status < 300);
    }
    assert!(accepted > 0, "no body was accepted, so the mutations are too wild");
    server.stop();
}
