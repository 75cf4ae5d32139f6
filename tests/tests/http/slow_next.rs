//! A task whose `next` is slow, and large batches for it: only these batches wait.

use std::thread;
use std::time::{Duration, Instant};

use saggar_tests::memory::Growth;
use saggar_tests::raw::RawAnswer;
use saggar_tests::server::Server;
use serde_json::json;

use super::stage::{app, serve};

const MIB: usize = 1 << 20;

/// The limit of the host's growth: a task's share of the memory for bodies (64 MiB), the jobs made of them, an instance, and
/// the buffers of the store and of the other connections. All 16 batches with their jobs would be 384 MiB more.
const BOUND: u64 = 320 << 20;

/// The limit of what a second round of batches leaves behind: pages that allocators keep. The bodies of the four batches that
/// are added at least have 48 MiB, and so have the jobs made of them.
const LEFT: u64 = 32 << 20;

/// Returns a batch of 12 MiB in three jobs.
fn batch() -> String {
    let args = "x".repeat(5 * MIB - 1_000);
    let job = format!("{{\"args\":[\"{}\"]}}", &args[..4 * MIB - 10]);
    format!("{{\"jobs\":[{job},{job},{job}]}}")
}

fn post(server: &Server, path: &str, body: &str) -> RawAnswer {
    let head = server.post_head(path, &format!("content-length: {}\r\n", body.len()));
    server.raw(head + body)
}

#[test]
fn batches_for_a_slow_task_do_not_block_other_tasks() {
    let server = serve();
    let large = batch();
    assert_eq!(post(&server, "/v1/tasks/keys/jobs/batch", &large).status, 201);
    let growth = Growth::watch_other(server.pid());
    thread::scope(|scope| {
        let slow: Vec<_> =
            (0..16).map(|_| scope.spawn(|| post(&server, "/v1/tasks/unhurried/jobs/batch", &large))).collect();
        // Waits until all batches have been read and wait for their ids, or have been refused.
        let refused = || slow.iter().filter(|one| one.is_finished()).count();
        let began = Instant::now();
        while refused() < 12 && began.elapsed() < Duration::from_secs(20) {
            // Other clients can add jobs meanwhile.
            assert_eq!(post(&server, "/v1/tasks/keys/jobs", "{}").status, 201);
            assert_eq!(post(&server, "/v1/tasks/mail.send/jobs/batch", &large).status, 201);
        }
        eprintln!("16 batches of 12 MiB to a slow task: the host grew by {} MiB", growth.peak_bytes() >> 20);
        let answers: Vec<_> = slow.into_iter().map(|one| one.join().expect("an answer")).collect();
        let with = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
        // Four batches use up the task's share, and a dozen jobs get their ids in less than thirty seconds.
        assert!(with(201) >= 4 && with(201) + with(503) == 16, "{} added, {} refused", with(201), with(503));
        for refusal in answers.iter().filter(|answer| answer.status == 503) {
            assert_eq!(refusal.code(), "overloaded");
            assert!(refusal.headers.contains(&"retry-after: 1".to_owned()), "{refusal:?}");
        }
    });
    assert_eq!(post(&server, "/v1/tasks/keys/jobs/batch", &large).status, 201, "the memory was released");
    server.stop();
}

/// Each id takes 1.5 s, so a batch of 60 cannot get its ids in the 30 s that an addition has. The deadline includes the
/// time that it waits for calls of `next` for another batch.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_ids_take_too_long_is_refused_at_its_deadline() {
    const DEADLINE: Duration = Duration::from_secs(30);
    let server = serve();
    let jobs = json!({ "jobs": vec![json!({}); 60] });
    let began = Instant::now();
    let timed = async || {
        let refused = server.post("/v1/tasks/unhurried/jobs/batch", &jobs).await;
        (refused, began.elapsed())
    };
    let (first, second) = tokio::join!(timed(), timed());
    let mut all_given = 0;
    for (refused, took) in [first, second] {
        assert_eq!((refused.status, refused.code()), (503, "next-timeout"), "{refused:?}");
        assert_eq!(refused.headers["retry-after"], "5", "{refused:?}");
        assert!((DEADLINE..DEADLINE + DEADLINE / 2).contains(&took), "refused after {took:?}");
        let detail = refused.body["detail"].as_str().expect("a detail");
        let given = detail.strip_prefix("the task's `event.next` handler gave ").and_then(|rest| rest.split_once(' '));
        let (given, rest) = given.unwrap_or_else(|| panic!("{detail}"));
        assert!(rest.starts_with("of 60 ids within 30 s; add fewer jobs at a time"), "{detail}");
        all_given += given.parse::<u64>().expect("a number");
    }
    // One handler works for both batches: at most 20 ids in 30 s, and a few more at the end.
    assert!((1..=22).contains(&all_given), "{all_given} ids");
    assert_eq!(server.get("/v1/tasks/unhurried").await.body["counts"]["added"], 0, "a refused batch adds nothing");
    server.stop();
}

/// Sends 16 batches at once; returns how many of them were added.
fn send_batches(server: &Server, batch: &str) -> usize {
    let send = || post(server, "/v1/tasks/unhurried/jobs/batch", batch).status;
    thread::scope(|scope| {
        let sent: Vec<_> = (0..16).map(|_| scope.spawn(send)).collect();
        sent.into_iter().map(|one| one.join().expect("an answer")).filter(|status| *status == 201).count()
    })
}

/// Lets the host do a little.
fn add_small(server: &Server) {
    assert_eq!(post(server, "/v1/tasks/keys/jobs", "{}").status, 201);
}

/// Jobs are stored on disk, so the host's memory is that of the batches. The first round creates what is created once and
/// kept; the second one leaves nothing.
#[expect(clippy::print_stdout, reason = "the test prints its measurements")]
async fn batches_for_a_slow_task_take_bounded_memory(allocator: &str) {
    let app = app();
    let server = Server::start_as(&app, |serve| serve.env("SAGGAR_DRAIN", "1s").args(["--allocator", allocator]));
    let large = batch();
    // The buffers of the store are in use before the measurement.
    assert_eq!(post(&server, "/v1/tasks/keys/jobs/batch", &large).status, 201);
    let growth = Growth::watch_other(server.pid());
    let added = send_batches(&server, &large);
    let during = growth.peak_bytes();
    let growth = Growth::watch_settled(server.pid(), async || add_small(&server)).await;
    let added_again = send_batches(&server, &large);
    let after = growth.bytes_within(LEFT, async || add_small(&server)).await;
    println!(
        "{allocator}: {added} and {added_again} batches added, {} MiB more at the peak, {} MiB after the second round",
        during >> 20,
        after >> 20
    );
    assert!(added >= 4 && added_again >= 4, "{added} and {added_again}");
    assert!(during < BOUND, "{during}");
    assert!(after <= LEFT, "{after} bytes are left");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_for_a_slow_task_take_bounded_memory_with_pooled_instances() {
    batches_for_a_slow_task_take_bounded_memory("pooling").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_for_a_slow_task_take_bounded_memory_with_instances_on_demand() {
    batches_for_a_slow_task_take_bounded_memory("on-demand").await;
}
