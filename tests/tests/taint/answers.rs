//! Sending a request, and looking for words in its answer.

use std::time::Duration;

use reqwest::{Client, Response};
use saggar_tests::timeout::within;
use tokio::time::Instant;

use super::requests::{Sender, Template};
use super::stage::{WORDS, token};

/// For how long an event stream is read. The events that are kept come at once; the others, when something happens.
const READ_FOR: Duration = Duration::from_millis(30);

/// An answer with everything that a client sees of it. Of an event stream, its beginning.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

/// Sends a request; reads the whole answer.
pub(super) async fn send(client: &Client, url: &str, sender: Sender, request: &Template) -> Answer {
    let mut sent =
        client.request(request.method.clone(), format!("{url}{}", request.path)).timeout(Duration::from_secs(60));
    match sender {
        Sender::Tenant(tenant, role) => sent = sent.bearer_auth(token(Some(tenant), role)),
        Sender::Operator(tenant) => {
            sent = sent.bearer_auth(token(None, "operator"));
            // A template may name a tenant itself.
            if let Some(tenant) = tenant.filter(|_| !request.headers.iter().any(|(name, _)| *name == "saggar-tenant")) {
                sent = sent.header("saggar-tenant", tenant);
            }
        }
        Sender::Nobody => {}
    }
    for (name, value) in &request.headers {
        sent = sent.header(*name, value);
    }
    if let Some(body) = &request.body {
        let tenant = request.tenant_of(sender).unwrap_or("nobody");
        sent = sent.header("content-type", "application/json").body(body.to_string().replace("OWN", tenant));
    }
    within(&format!("{request:?}"), async {
        let answer = sent.send().await.unwrap_or_else(|error| panic!("{sender:?} {request:?}: {error:?}"));
        let headers = answer.headers().iter();
        let headers =
            headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let (status, headers): (u16, Vec<(String, String)>) = (answer.status().as_u16(), headers.collect());
        let is_stream = headers.iter().any(|(name, value)| name == "content-type" && value == "text/event-stream");
        let body = if is_stream { beginning(answer).await } else { answer.text().await };
        Answer { status, headers, body: body.unwrap_or_else(|error| panic!("{request:?}: {error:?}")) }
    })
    .await
}

/// Reads the beginning of an event stream.
async fn beginning(mut answer: Response) -> reqwest::Result<String> {
    let (mut body, until) = (Vec::new(), Instant::now() + READ_FOR);
    while let Ok(chunk) = tokio::time::timeout_at(until, answer.chunk()).await {
        let Some(chunk) = chunk? else { break };
        body.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

impl Answer {
    /// Returns the words in it that the sender must not see. What the sender has sent itself may be repeated.
    pub(super) fn foreign(&self, sender: Sender, request: &Template) -> Vec<&'static str> {
        // The operator may see the names of all tenants, and its own audit.
        if matches!(sender, Sender::Operator(_)) && about_all(sender, request) {
            return Vec::new();
        }
        let own = request.tenant_of(sender);
        let mut text = self.text();
        for sent in sent_texts(request) {
            text = text.replace(&sent, "");
        }
        WORDS.into_iter().filter(|word| Some(*word) != own && text.contains(word)).collect()
    }

    /// Returns it as text, with `word` replaced, and without what differs from one time to the next.
    pub(super) fn without(&self, word: &str) -> String {
        self.text().replace(word, "@")
    }

    fn text(&self) -> String {
        let headers = self.headers.iter().filter(|(name, _)| name != "date");
        let headers: String = headers.map(|(name, value)| format!("{name}: {value}\n")).collect();
        format!("{}\n{headers}{}", self.status, self.body)
    }
}

/// Returns whether an operator asks about all tenants.
fn about_all(sender: Sender, request: &Template) -> bool {
    let names_none = sender.tenant().is_none() && !request.headers.iter().any(|(name, _)| *name == "saggar-tenant");
    let path = request.path.split('?').next().unwrap_or_default();
    path == "/metrics" || path.starts_with("/v1/tenants") || (names_none && matches!(path, "/v1/audit" | "/v1/reload"))
}

/// Returns the texts of a request that an answer may repeat, the longest first: the path and its segments, and the task that
/// the query names.
fn sent_texts(request: &Template) -> Vec<String> {
    let (path, query) = request.path.split_once('?').unwrap_or((request.path.as_str(), ""));
    let task = query.split('&').filter_map(|pair| pair.strip_prefix("task="));
    let segments = path.split('/').filter(|segment| segment.len() > 2);
    let mut texts: Vec<String> = segments.chain(task).chain([path]).map(str::to_owned).collect();
    texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    texts
}
