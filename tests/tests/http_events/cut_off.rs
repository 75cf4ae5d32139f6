//! A client that is disconnected again and again while jobs run does not miss any event.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Client;
use saggar_tests::app::App;
use saggar_tests::client::client;
use saggar_tests::follower::{ReceivedEvent, follow};
use saggar_tests::guests;
use saggar_tests::server::Server;
use saggar_tests::timeout::within;
use serde_json::json;
use tokio::task::JoinSet;

use crate::add;

const CUTS: usize = 100;
/// The longest duration of a connection: some are cut before their first event, some after several hundred.
const LONGEST_MS: u64 = 40;
const ADDERS: usize = 4;
const BATCH: usize = 5;
/// Few enough that all events are retained, so that there is never a gap.
const MOST_JOBS_OF_ADDER: usize = 3_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_disconnected_a_hundred_times_under_load_misses_no_event() {
    let task = json!({"process": "plugins.progress", "worker_nums": 4, "size": 100_000});
    let app = App::new().plugin("progress", guests::PROGRESS).task("busy", &task);
    let server = Arc::new(Server::start(&app, &[]));
    let (client, url) = (client(), server.url("/v1/events"));
    let start = follow(&client, &url, None).await.until("reached").await.id;
    let over = Arc::new(AtomicBool::new(false));
    let mut load = JoinSet::new();
    for _ in 0..ADDERS {
        load.spawn(keep_adding(client.clone(), Arc::clone(&server), Arc::clone(&over)));
    }
    let mut received = received_across_cuts(&client, &url, start.clone()).await;
    over.store(true, Ordering::Relaxed);
    let jobs: usize = load.join_all().await.into_iter().sum();
    assert!(jobs > CUTS, "{jobs} jobs are not enough load");
    let after = received.last().map_or(start, |last| last.id.clone());
    received.extend(until_all_ended(&client, &url, &after, jobs - ended(&received)).await);
    check(&received, jobs);
    Arc::into_inner(server).expect("the load is over").stop();
}

/// Adds jobs until the test is over; returns how many.
async fn keep_adding(client: Client, server: Arc<Server>, over: Arc<AtomicBool>) -> usize {
    let mut added = 0;
    while !over.load(Ordering::Relaxed) && added < MOST_JOBS_OF_ADDER {
        added += add(&client, &server, "busy", &json!([1, "x"]), BATCH).await.len();
    }
    added
}

async fn received_across_cuts(client: &Client, url: &str, start: String) -> Vec<ReceivedEvent> {
    let mut received: Vec<ReceivedEvent> = Vec::new();
    let mut last = start;
    for _ in 0..CUTS {
        let duration = Duration::from_millis(fastrand::u64(0..LONGEST_MS));
        let cut = tokio::time::timeout(duration, async {
            let mut follower = follow(client, url, Some(&last)).await;
            while let Some(event) = follower.next().await {
                received.push(event);
            }
        });
        assert!(cut.await.is_err(), "the response ended by itself");
        received.retain(|event| event.name != "reached");
        last = received.last().map_or(last, |event| event.id.clone());
    }
    received
}

async fn until_all_ended(client: &Client, url: &str, after: &str, missing: usize) -> Vec<ReceivedEvent> {
    let (mut follower, mut received) = (follow(client, url, Some(after)).await, Vec::new());
    within("the end of all jobs", async {
        while ended(&received) < missing {
            received.push(follower.next().await.expect("another event"));
        }
    })
    .await;
    received.retain(|event| event.name != "reached");
    received
}

fn ended(received: &[ReceivedEvent]) -> usize {
    received.iter().filter(|event| event.name == "succeeded").count()
}

/// Asserts that every event was received once and in order, and that each job has all of its events.
fn check(received: &[ReceivedEvent], jobs: usize) {
    for pair in received.windows(2) {
        assert_eq!(pair[1].number(), pair[0].number() + 1, "{pair:?}");
    }
    let mut lives: HashMap<u64, Vec<&str>> = HashMap::new();
    for event in received {
        assert_eq!(event.data["kind"], event.name, "{event:?}");
        lives.entry(event.data["id"].as_u64().expect("an id")).or_default().push(&event.name);
    }
    assert_eq!(lives.len(), jobs);
    for (id, life) in lives {
        assert_eq!(life.iter().filter(|name| **name == "added").count(), 1, "job {id}: {life:?}");
        let attempt: Vec<_> = life.into_iter().filter(|name| *name != "added").collect();
        assert_eq!(attempt, ["started", "progress", "succeeded"], "job {id}");
    }
}
