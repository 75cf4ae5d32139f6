//! The requests of a hostile tenant's client: jobs that attack, lists, cancellations, streams, malformed bodies, halves of
//! requests, reloads of broken apps, and what belongs to others.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use reqwest::{Client, Method, RequestBuilder, Response};
use saggar_tests::client::{client, job_path};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::apps::{CHANGED_PLUGIN, MEASURED, honest, random_job, random_task};
use super::attack::Answers;
use super::host::SoakHost;

/// How long a client waits for an answer. Some requests are never answered.
const LONGEST: Duration = Duration::from_secs(10);

/// How long writing a few bytes may take.
const WRITING: Duration = Duration::from_secs(1);

/// How many jobs, streams and halves of requests a client keeps. All halves together leave room for other connections.
const MOST_JOBS: usize = 64;
const MOST_STREAMS: usize = 6;
const MOST_HALVES: usize = 8;

/// Bodies of jobs that are refused. Each is sent to the route for one job and to that for many.
const MALFORMED: [&str; 12] = [
    "",
    "null",
    "[[1]]",
    "{}{}",
    "{\"args\":[1],}",
    "{\"args\":[\"\\ud800\"",
    "{\"args\":[],\"args\":[]}",
    "{\"priority\":32768}",
    "{\"delay_ms\":18446744073709551616}",
    "{\"unique\":{\"by\":\"args\",\"positions\":[4294967296]}}",
    "{\"jobs\":[[]]}",
    "\u{feff}\u{feff}{}",
];

/// A client of a hostile tenant.
pub(super) struct Attacker {
    pub(super) rng: Rng,
    pub(super) answers: Answers,
    tenant: String,
    /// The directory of the tenant's app.
    app: PathBuf,
    /// Components that are refused, if this client changes the app.
    components: Arc<Vec<Vec<u8>>>,
    client: Client,
    address: SocketAddr,
    /// Jobs that it has added lately.
    jobs: Vec<(&'static str, u64)>,
    /// Streams of events that it does not read.
    streams: Vec<Response>,
    /// Connections with half a request.
    halves: Vec<TcpStream>,
}

impl Attacker {
    pub(super) fn new(host: &SoakHost, tenant: &str, components: Arc<Vec<Vec<u8>>>, rng: Rng) -> Self {
        Self {
            rng,
            answers: Answers::default(),
            tenant: tenant.to_owned(),
            app: host.operator.path(tenant),
            components,
            client: client(),
            address: host.server.address(),
            jobs: Vec::new(),
            streams: Vec::new(),
            halves: Vec::new(),
        }
    }

    /// Does one thing.
    pub(super) async fn attack(&mut self) {
        match self.rng.u8(..100) {
            0..=34 => self.add_one().await,
            35..=44 => self.add_many().await,
            45..=49 => self.add_with_options().await,
            50..=54 => self.list().await,
            55..=61 => self.look_up().await,
            62..=66 => self.wait_and_leave().await,
            67..=76 => self.change_a_job().await,
            77..=79 => self.pause_or_resume().await,
            80..=83 => self.follow().await,
            84..=89 => self.send_malformed().await,
            90..=94 => self.send_half().await,
            95..=96 => self.send_much().await,
            97..=98 => self.reach_for_others().await,
            // Half of the clients, every hundredth time.
            _ => self.reload().await,
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        self.client.request(method, url).bearer_auth(&self.tenant).timeout(LONGEST)
    }

    /// Sends a request; returns its answer, if there is one in JSON. Errors of the host itself are kept.
    async fn send(&mut self, kind: &'static str, request: RequestBuilder) -> Option<Value> {
        let Ok(answer) = request.send().await else {
            self.answers.count(kind, 0);
            return None;
        };
        let status = answer.status().as_u16();
        self.answers.count(kind, status);
        let body = answer.bytes().await.ok()?;
        let body = serde_json::from_slice::<Value>(&body).ok();
        let code = body.as_ref().and_then(|body| body["code"].as_str());
        if status == 500 || matches!(code, Some("internal" | "store-failed")) {
            self.answers.error(format!("{kind} of {}: {status} {body:?}", self.tenant));
        }
        body
    }

    async fn post(&mut self, kind: &'static str, path: &str, body: &Value) -> Option<Value> {
        let request = self.request(Method::POST, path).json(body);
        self.send(kind, request).await
    }

    fn remember(&mut self, task: &'static str, id: Option<u64>) {
        let Some(id) = id else { return };
        if self.jobs.len() < MOST_JOBS {
            self.jobs.push((task, id));
        } else {
            self.jobs[self.rng.usize(..MOST_JOBS)] = (task, id);
        }
    }

    /// Returns the path of a job that it has added, or of one that may not exist.
    fn any_job(&mut self) -> String {
        let known = self.rng.choice(self.jobs.iter()).copied();
        let (task, id) = known.unwrap_or_else(|| (random_task(&mut self.rng), 1));
        job_path(task, id)
    }

    async fn add_one(&mut self) {
        let (task, args) = random_job(&mut self.rng);
        let added = self.post("add", &format!("/v1/tasks/{task}/jobs"), &json!({ "args": args })).await;
        self.remember(task, added.and_then(|added| added["id"].as_u64()));
    }

    async fn add_many(&mut self) {
        let (task, args) = random_job(&mut self.rng);
        let jobs = vec![json!({ "args": args }); self.rng.usize(1..50)];
        let added = self.post("add many", &format!("/v1/tasks/{task}/jobs/batch"), &json!({ "jobs": jobs })).await;
        self.remember(task, added.and_then(|added| added["ids"][0].as_u64()));
    }

    async fn add_with_options(&mut self) {
        let (task, args) = random_job(&mut self.rng);
        let mut job = json!({ "args": args });
        match self.rng.u8(..4) {
            0 => job["delay_ms"] = json!(self.rng.u64(..5_000)),
            1 => job["delay_ms"] = json!(3_600_000),
            2 => job["priority"] = json!(self.rng.i16(..)),
            _ => job["unique"] = json!({ "by": "args" }),
        }
        let key = format!("k{}", self.rng.u8(..9));
        let path = format!("/v1/tasks/{task}/jobs");
        let request = self.request(Method::POST, &path).header("idempotency-key", key).json(&job);
        let added = self.send("add with options", request).await;
        self.remember(task, added.and_then(|added| added["id"].as_u64()));
    }

    async fn list(&mut self) {
        let path = match self.rng.u8(..5) {
            0 => "/v1/jobs?limit=1000".to_owned(),
            1 => "/v1/jobs?text=e&status=FAILURE&limit=50".to_owned(),
            2 => format!("/v1/tasks/{}/jobs?order=oldest", random_task(&mut self.rng)),
            3 => "/v1/tasks".to_owned(),
            _ => "/v1/audit?limit=100".to_owned(),
        };
        let request = self.request(Method::GET, &path);
        self.send("list", request).await;
    }

    async fn look_up(&mut self) {
        let part = self.rng.choice(["", "/logs", "/attempts", "?wait=10ms"]).expect("a part");
        let path = self.any_job() + part;
        let request = self.request(Method::GET, &path);
        self.send("look up", request).await;
    }

    /// Waits for the end of a job, and closes the connection before it has an answer.
    async fn wait_and_leave(&mut self) {
        let path = self.any_job() + "?wait=60s";
        let waiting = self.request(Method::GET, &path).send();
        let leaves_after = Duration::from_millis(self.rng.u64(..300));
        let answer = timeout(leaves_after, waiting).await.ok().and_then(Result::ok);
        self.answers.count("wait and leave", answer.map_or(0, |answer| answer.status().as_u16()));
    }

    async fn change_a_job(&mut self) {
        let path = self.any_job();
        let (method, path) = match self.rng.u8(..10) {
            0..=4 => (Method::POST, path + "/cancel"),
            5..=6 => (Method::POST, path + "/retry"),
            7 => (Method::POST, path + "/redeliver"),
            _ => (Method::DELETE, path),
        };
        let request = self.request(method, &path);
        self.send("change a job", request).await;
    }

    /// Resumes more often than it pauses, so that most tasks run.
    async fn pause_or_resume(&mut self) {
        let what = if self.rng.u8(..4) == 0 { "pause" } else { "resume" };
        let path = format!("/v1/tasks/{}/{what}", random_task(&mut self.rng));
        let request = self.request(Method::POST, &path);
        self.send("pause or resume", request).await;
    }

    /// Follows events or a log, and does not read them; closes another stream.
    async fn follow(&mut self) {
        let path = match self.rng.u8(..3) {
            0 => "/v1/events".to_owned(),
            1 => self.any_job() + "/events",
            _ => self.any_job() + "/logs?follow=true",
        };
        let answer = self.request(Method::GET, &path).send().await.ok();
        self.answers.count("follow", answer.as_ref().map_or(0, |answer| answer.status().as_u16()));
        self.streams.extend(answer.filter(|answer| answer.status() == 200));
        if self.streams.len() > MOST_STREAMS {
            drop(self.streams.swap_remove(self.rng.usize(..MOST_STREAMS)));
        }
    }

    async fn send_malformed(&mut self) {
        let many = if self.rng.bool() { "" } else { "/batch" };
        let path = format!("/v1/tasks/{}/jobs{many}", random_task(&mut self.rng));
        let body = match self.rng.u8(..4) {
            0 => format!("{{\"args\":{}", "[".repeat(100_000)).into_bytes(),
            1 => (0..self.rng.usize(..5_000)).map(|_| self.rng.u8(..)).collect(),
            _ => self.rng.choice(MALFORMED).expect("a body").as_bytes().to_vec(),
        };
        let request = self.request(Method::POST, &path).header("content-type", "application/json").body(body);
        self.send("malformed body", request).await;
    }

    /// Opens a connection, sends a part of a request or many requests, and reads nothing; closes another connection.
    async fn send_half(&mut self) {
        let (host, token) = (self.address, format!("authorization: Bearer {}\r\n", self.tenant));
        let post =
            format!("POST /v1/tasks/time/jobs HTTP/1.1\r\nhost: {host}\r\n{token}content-type: application/json\r\n");
        let text = match self.rng.u8(..6) {
            0 => post,
            1 => post + "content-length: 1000\r\n\r\n{\"args\":[",
            2 => post + "transfer-encoding: chunked\r\n\r\n5\r\n{\"arg",
            3 => "\u{16}\u{3}\u{1} as TLS begins\r\n\r\n".to_owned(),
            4 => format!("GET /v1/jobs?limit=1000 HTTP/1.1\r\nhost: {host}\r\n{token}\r\n").repeat(20),
            _ => format!("GET /v1/events HTTP/1.1\r\nhost: {host}\r\n{token}\r\n"),
        };
        let connecting = timeout(WRITING, TcpStream::connect(host)).await;
        let Ok(Ok(mut connection)) = connecting else { return self.answers.count("half a request", 0) };
        let is_sent = matches!(timeout(WRITING, connection.write_all(text.as_bytes())).await, Ok(Ok(())));
        self.answers.count("half a request", u16::from(is_sent));
        self.halves.push(connection);
        if self.halves.len() > MOST_HALVES {
            drop(self.halves.swap_remove(self.rng.usize(..MOST_HALVES)));
        }
    }

    /// Adds a large job, or more jobs than a batch may have, and reads what is large.
    async fn send_much(&mut self) {
        if self.rng.bool() {
            let jobs = vec![json!({}); self.rng.usize(500..11_000)];
            self.post("much", "/v1/tasks/journal/jobs/batch", &json!({ "jobs": jobs })).await;
            return;
        }
        let args = json!(["x".repeat(self.rng.usize(100_000..5_000_000))]);
        let added = self.post("much", "/v1/tasks/journal/jobs", &json!({ "args": args })).await;
        if let Some(id) = added.and_then(|added| added["id"].as_u64()) {
            let request = self.request(Method::GET, &job_path("journal", id));
            self.send("much", request).await;
        }
    }

    /// Asks for what belongs to other tenants or to the operator, which must be refused.
    async fn reach_for_others(&mut self) {
        let other = honest(0);
        let (method, path) = match self.rng.u8(..9) {
            0 => (Method::GET, "/v1/tenants".to_owned()),
            1 => (Method::GET, "/metrics".to_owned()),
            2 => (Method::GET, format!("/v1/tenants/{other}")),
            3 => (Method::DELETE, format!("/v1/tenants/{other}")),
            4 => (Method::GET, format!("/v1/tasks/{MEASURED}")),
            5 => (Method::GET, job_path(MEASURED, 1)),
            6 => (Method::POST, job_path(MEASURED, 1) + "/cancel"),
            7 => (Method::POST, format!("/v1/tasks/{MEASURED}/pause")),
            _ => (Method::GET, "/v1/jobs".to_owned()),
        };
        let mut request = self.request(method, &path);
        if path == "/v1/jobs" {
            request = request.header("saggar-tenant", other);
        }
        let Ok(answer) = request.send().await else { return self.answers.count("others", 0) };
        self.answers.count("others", answer.status().as_u16());
        if answer.status().as_u16() < 400 {
            self.answers.error(format!("{} was answered {path}: {}", self.tenant, answer.status()));
        }
    }

    /// Reloads the app with a plugin that is refused, and with the right one again.
    async fn reload(&mut self) {
        let Some(bytes) = self.rng.choice(self.components.iter()) else { return };
        let plugin = self.app.join(CHANGED_PLUGIN);
        let good = fs::read(&plugin).expect("a plugin");
        fs::write(&plugin, bytes).expect("a file");
        for kind in ["reload of a broken app", "reload"] {
            let request = self.request(Method::POST, "/v1/reload");
            self.send(kind, request).await;
            fs::write(&plugin, &good).expect("a file");
        }
    }
}
