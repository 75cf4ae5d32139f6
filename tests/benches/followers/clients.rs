//! The clients, in a separate process: they connect and disconnect on commands from standard input.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The argument that starts the clients' process.
pub(crate) const ROLE: &str = "followers";
/// A task without events.
pub(crate) const QUIET: &str = "quiet";
/// Clients that each follow one job, from its first event.
pub(crate) const OF_A_JOB: usize = 500;
const OF_THE_TASK: usize = 500;
const SLOW: usize = 200;
/// A slow client reads this much …
const PIECE: usize = 4 * 1024;
/// … this often.
const PAUSE: Duration = Duration::from_millis(250);
/// Clients that connect at the same time.
const AT_ONCE: usize = 64;

/// Totals over all clients.
#[derive(Default)]
struct Received {
    slow_bytes: AtomicU64,
    /// Clients whose response has ended, which must stay 0.
    gone: AtomicUsize,
}

/// Executes commands until standard input ends.
pub(crate) async fn run(address: SocketAddr) -> anyhow::Result<()> {
    let (mut following, mut received) = (JoinSet::new(), Arc::new(Received::default()));
    for order in std::io::stdin().lines() {
        match order?.as_str() {
            "connect" => {
                received = Arc::default();
                following = connect(address, &received).await?;
                println!("connected");
            }
            _ => {
                let gone = received.gone.load(Ordering::Relaxed);
                ensure!(gone == 0, "{gone} clients were disconnected");
                following.shutdown().await;
                let mb = received.slow_bytes.load(Ordering::Relaxed) / 1_000_000;
                println!("{} quiet clients stayed connected; {SLOW} slow ones read {mb} MB", OF_A_JOB + OF_THE_TASK);
            }
        }
    }
    Ok(())
}

/// Connects all clients; returns when each has a response.
async fn connect(address: SocketAddr, received: &Arc<Received>) -> anyhow::Result<JoinSet<()>> {
    let of_jobs = (1..=OF_A_JOB).map(|id| format!("/v1/tasks/{QUIET}/jobs/{id}/events"));
    let of_task = std::iter::repeat_n(format!("/v1/events?task={QUIET}"), OF_THE_TASK);
    let slow = std::iter::repeat_n("/v1/events".to_owned(), SLOW);
    let all: Vec<(String, bool)> =
        of_jobs.chain(of_task).map(|path| (path, false)).chain(slow.map(|path| (path, true))).collect();
    let mut following = JoinSet::new();
    for some in all.chunks(AT_ONCE) {
        let mut connecting = JoinSet::new();
        for (path, is_slow) in some.iter().cloned() {
            connecting.spawn(async move { anyhow::Ok((follow(address, &path).await?, is_slow)) });
        }
        for connected in connecting.join_all().await {
            let (stream, is_slow) = connected?;
            following.spawn(read(stream, is_slow, Arc::clone(received)));
        }
    }
    Ok(following)
}

async fn follow(address: SocketAddr, path: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await.context("a connection")?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).await?;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await?;
    ensure!(&status == b"HTTP/1.1 200", "{path}: {}", String::from_utf8_lossy(&status));
    Ok(stream)
}

async fn read(mut stream: TcpStream, is_slow: bool, received: Arc<Received>) {
    let mut piece = [0; PIECE];
    while let Ok(read) = stream.read(&mut piece).await
        && read > 0
    {
        if is_slow {
            received.slow_bytes.fetch_add(read as u64, Ordering::Relaxed);
            tokio::time::sleep(PAUSE).await;
        }
    }
    received.gone.fetch_add(1, Ordering::Relaxed);
}
