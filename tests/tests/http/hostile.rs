//! Malicious requests, as bytes over real sockets. Each gets the right 4xx with its document, without a panic and
//! within limited memory, and the server responds afterwards as before.

mod bodies;
mod heads;
mod paths;

use saggar_tests::memory::Growth;
use saggar_tests::raw::RawAnswer;
use saggar_tests::server::Server;

use super::stage::serve_with;

const JOBS: &str = "/v1/tasks/mail.send/jobs";
const BATCH: &str = "/v1/tasks/mail.send/jobs/batch";

/// How often an attack is repeated to see whether it leaves something behind.
const ROUNDS: usize = 8;

/// The limit of what these rounds leave behind: pages that allocators keep. With 300 connections in each round, that is 5 KiB
/// a connection; the first buffer alone has 8 KiB.
const LEFT: u64 = 12 << 20;

/// A server whose memory is measured.
struct Victim {
    server: Server,
    growth: Growth,
}

impl Victim {
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(arguments: &[&str]) -> Self {
        let server = serve_with(arguments);
        // Excludes the memory for the first requests.
        assert_eq!(server.raw(server.head("GET /v1/tasks", "")).status, 200);
        let growth = Growth::watch_other(server.pid());
        Self { server, growth }
    }

    /// POSTs a body; returns the status and the code.
    fn post(&self, path: &str, body: impl AsRef<[u8]>) -> (u16, String) {
        let body = body.as_ref();
        let head = self.server.post_head(path, &format!("content-length: {}\r\n", body.len()));
        refusal(&self.server.raw([head.as_bytes(), body].concat()))
    }

    /// Sends a head; returns the status and the code.
    fn ask(&self, line: &str, headers: &str) -> (u16, String) {
        refusal(&self.server.raw(self.server.head(line, headers)))
    }

    /// Asserts that an attack that was made before leaves nothing in memory when it is repeated.
    #[expect(clippy::print_stderr, reason = "the test prints its measurements")]
    async fn releases_memory(&self, attack: impl Fn()) {
        let look = || assert_eq!(self.server.raw(self.server.head("GET /healthz", "")).status, 200);
        let growth = Growth::watch_settled(self.server.pid(), async || look()).await;
        (0..ROUNDS).for_each(|_| attack());
        let left = growth.bytes_within(LEFT, async || look()).await;
        eprintln!("{ROUNDS} more rounds left {} KiB", left >> 10);
        assert!(left <= LEFT, "{ROUNDS} rounds left {left} bytes");
    }

    /// Asserts that the server responds, did not panic, and has not grown by more than `mib` MiB.
    #[expect(clippy::print_stderr, reason = "the test prints its measurements")]
    fn survives(self, mib: u64) {
        assert_eq!(self.server.raw(self.server.head("GET /healthz", "")).status, 200);
        let (grown, after) = (self.growth.peak_bytes(), self.growth.bytes());
        eprintln!("the host grew by {} KiB at its peak, by {} KiB afterwards", grown >> 10, after >> 10);
        assert!(grown < mib << 20, "it has grown by {grown} bytes");
        let log = self.server.stop();
        assert!(log.iter().all(|line| !line.contains("panicked")), "{log:#?}");
    }
}

/// Returns the status and the code of the problem document that this must be.
fn refusal(answer: &RawAnswer) -> (u16, String) {
    (answer.status, answer.code())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
