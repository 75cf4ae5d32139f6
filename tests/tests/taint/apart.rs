//! The test.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use fastrand::Rng;
use reqwest::{Client, Method};
use saggar_tests::client::client;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::answers::{Answer, send};
use super::requests::{Positions, Sender, Template, subject};
use super::stage::{COMMON, NOBODY, Stage, TASKS, WORDS};
use super::watching::{Followers, check_lines};
use crate::receiver::Receiver;

/// Requests of the default run; each about another tenant is sent twice.
const REQUESTS: usize = 3_000;

/// Clients that send at the same time.
const CLIENTS: usize = 8;

struct Run {
    client: Client,
    url: String,
    positions: Mutex<Positions>,
    /// Pairs of answers that were compared.
    compared: AtomicUsize,
    /// Answers that were successes and had the sender's word.
    own: AtomicUsize,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_has_the_word_of_another_tenant() {
    let requests = match std::env::var_os("SAGGAR_TAINT_REQUESTS") {
        Some(text) => text.to_str().and_then(|text| text.parse().ok()).expect("SAGGAR_TAINT_REQUESTS is a number"),
        None => REQUESTS,
    };
    let collector = Receiver::start().await;
    let stage = Stage::start(&collector.url());
    let run = Arc::new(Run {
        client: client(),
        url: stage.server.url(""),
        positions: Mutex::default(),
        compared: AtomicUsize::new(0),
        own: AtomicUsize::new(0),
    });
    let followers = Followers::start(&run.client, &run.url).await;
    seed(&run).await;
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let run = Arc::clone(&run);
        clients.spawn(async move {
            let mut rng = Rng::with_seed(number as u64);
            for _ in 0..requests / CLIENTS {
                run.step(&mut rng).await;
            }
        });
    }
    clients.join_all().await;
    let (compared, own) = (run.compared.load(Ordering::Relaxed), run.own.load(Ordering::Relaxed));
    assert!(compared > requests / 20 && own > requests / 20, "{compared} pairs compared, {own} own answers");
    followers.check();
    let metrics = Template { method: Method::GET, path: "/metrics".to_owned(), body: None, headers: Vec::new() };
    let metrics = send(&run.client, &run.url, Sender::Operator(None), &metrics).await;
    assert_eq!(metrics.status, 200);
    check_lines("the metrics", metrics.body.lines());
    let log = stage.server.stop();
    check_lines("the log", log.iter().map(String::as_str));
    let spans: Vec<String> =
        collector.matching(|_| true).iter().map(|received| format!("{:?}", received.span)).collect();
    check_lines("the spans", spans.iter().map(String::as_str));
}

/// Adds jobs of every kind for each tenant.
async fn seed(run: &Run) {
    for word in WORDS {
        for task in TASKS.map(|task| format!("{word}.{task}")).into_iter().chain([COMMON.to_owned()]) {
            let jobs = vec![json!({ "args": ["OWN", 1, 0] }); 5];
            let path = format!("/v1/tasks/{task}/jobs/batch");
            let add = Template { method: Method::POST, path, body: Some(json!({ "jobs": jobs })), headers: Vec::new() };
            let added = send(&run.client, &run.url, Sender::Tenant(word, "admin"), &add).await;
            assert_eq!(added.status, 201, "{added:?}");
        }
    }
}

impl Run {
    fn positions(&self) -> MutexGuard<'_, Positions> {
        self.positions.lock().expect("no client panicked")
    }

    async fn step(&self, rng: &mut Rng) {
        let sender = Sender::random(rng);
        let template = Template::random(rng, &self.positions());
        let word = subject(sender, rng);
        let request = template.about(word);
        let answer = send(&self.client, &self.url, sender, &request).await;
        check(sender, &request, &answer);
        self.keep_positions(&answer, rng);
        if let Some(own) = sender.tenant()
            && answer.status < 300
            && answer.body.contains(own)
        {
            self.own.fetch_add(1, Ordering::Relaxed);
        }
        let is_foreign = matches!(sender, Sender::Tenant(own, _) if own != word) && word != NOBODY;
        if is_foreign && template.has_word() {
            self.compare(sender, &template, word, &answer).await;
        }
    }

    /// Asserts that the answer about another tenant's things is that about what nobody has.
    async fn compare(&self, sender: Sender, template: &Template, word: &str, answer: &Answer) {
        let request = template.about(NOBODY);
        let other = send(&self.client, &self.url, sender, &request).await;
        assert_eq!(answer.status, other.status, "{sender:?} {request:?}: {} and {}", answer.body, other.body);
        // A list of the sender's own jobs may have changed in between.
        if answer.status >= 400 || !template.is_look_up() {
            assert_eq!(answer.without(word), other.without(NOBODY), "{sender:?} {request:?}");
        }
        self.compared.fetch_add(1, Ordering::Relaxed);
    }

    fn keep_positions(&self, answer: &Answer, rng: &mut Rng) {
        let body = serde_json::from_str::<Value>(&answer.body).unwrap_or_default();
        let last_event = answer.body.lines().filter_map(|line| line.strip_prefix("id: ")).next_back();
        for position in body["next"].as_str().into_iter().chain(last_event) {
            self.positions().keep(position, rng);
        }
    }
}

fn check(sender: Sender, request: &Template, answer: &Answer) {
    let foreign = answer.foreign(sender, request);
    assert!(foreign.is_empty(), "{sender:?} {request:?} got {foreign:?}: {answer:?}");
    assert!(answer.status != 500, "{sender:?} {request:?}: {answer:?}");
}
