//! Random requests: by any token, over all routes and some that do not exist, about what the client has, what others have
//! and what nobody has.

use fastrand::Rng;
use reqwest::Method;
use saggar_tests::routes::{ROUTES, Route, find};
use serde_json::{Value, json};

use super::stage::{COMMON, NOBODY, ROLES, TASKS, WORDS};

/// A route that does not exist.
static UNKNOWN: Route = Route::public("/v1/{task}/WORD");

/// A request in which `WORD` stands for the word that it is about.
#[derive(Debug, Clone)]
pub(super) struct Template {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
    /// The headers beside that of the token.
    pub(super) headers: Vec<(&'static str, String)>,
}

/// Who sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// A token of a tenant, with a role.
    Tenant(&'static str, &'static str),
    /// The operator, for a tenant or for none.
    Operator(Option<&'static str>),
    /// Nobody: without a token.
    Nobody,
}

/// Values of answers that clients may send again: positions in lists, ids of events. Each client tries those of all.
#[derive(Debug, Default)]
pub(super) struct Positions(Vec<String>);

impl Sender {
    /// Returns the tenant whose data it may see.
    pub(super) fn tenant(self) -> Option<&'static str> {
        match self {
            Self::Tenant(tenant, _) => Some(tenant),
            Self::Operator(tenant) => tenant,
            Self::Nobody => None,
        }
    }

    pub(super) fn random(rng: &mut Rng) -> Self {
        let tenant = *rng.choice(WORDS.iter()).expect("a word");
        match rng.u8(..10) {
            0 => Self::Nobody,
            1 => Self::Operator(Some(tenant)),
            2 => Self::Operator(None),
            _ => Self::Tenant(tenant, rng.choice(ROLES).expect("a role")),
        }
    }
}

impl Positions {
    const MOST: usize = 256;

    /// Keeps a position of an answer.
    pub(super) fn keep(&mut self, position: &str, rng: &mut Rng) {
        if self.0.len() < Self::MOST {
            self.0.push(position.to_owned());
        } else {
            self.0[rng.usize(..Self::MOST)] = position.to_owned();
        }
    }

    fn any(&self, rng: &mut Rng) -> String {
        rng.choice(self.0.iter()).cloned().unwrap_or_else(|| "c1".to_owned())
    }
}

impl Template {
    pub(super) fn random(rng: &mut Rng, positions: &Positions) -> Self {
        let task = match rng.u8(..6) {
            0 => COMMON.to_owned(),
            1 => "WORD".to_owned(),
            2 => "WORD.hollow".to_owned(),
            _ => format!("WORD.{}", rng.choice(TASKS).expect("a task")),
        };
        let (route, query) = any_route(rng);
        let path = if query.is_empty() { route.path.to_owned() } else { format!("{}?{query}", route.path) };
        let path = path
            .replace("{task}", &task)
            .replace("{id}", &rng.u64(1..40).to_string())
            .replace("{tenant}", "WORD")
            .replace("{name}", "plugins.WORD.echo")
            .replace("{digest}", &"0".repeat(64))
            .replace("LIMIT", &rng.u8(1..50).to_string())
            .replace("POSITION", &positions.any(rng));
        let method: Method = route.method.to_uppercase().parse().expect("a method");
        let body = route.body_with(&added(rng).to_string(), rng.usize(1..4));
        let body = body.map(|body| serde_json::from_str::<Value>(&body).expect("JSON"));
        let mut headers = Vec::new();
        if rng.u8(..8) == 0 {
            headers.push(("saggar-tenant", "WORD".to_owned()));
        }
        if body.is_some() && rng.u8(..4) == 0 {
            // The same keys for all tenants: each has its own jobs for them.
            headers.push(("idempotency-key", format!("k{}", rng.u8(..9))));
        }
        Self { method, path, body, headers }
    }

    /// Returns the request about this word.
    pub(super) fn about(&self, word: &str) -> Self {
        let of = |text: &str| text.replace("WORD", word);
        Self {
            method: self.method.clone(),
            path: of(&self.path),
            body: self.body.clone(),
            headers: self.headers.iter().map(|(name, value)| (*name, of(value))).collect(),
        }
    }

    /// Returns the tenant whose data an answer to this sender may have, and that it adds jobs for.
    pub(super) fn tenant_of(&self, sender: Sender) -> Option<&str> {
        let named = self.headers.iter().find(|(name, _)| *name == "saggar-tenant").map(|(_, value)| value.as_str());
        match sender {
            Sender::Operator(tenant) => named.or(tenant),
            _ => sender.tenant(),
        }
    }

    /// Returns whether it names something that only one tenant has.
    pub(super) fn has_word(&self) -> bool {
        self.path.contains("WORD") || self.headers.iter().any(|(_, value)| value.contains("WORD"))
    }

    /// Returns whether the answer is the same when the request is sent twice, if nothing changes in between.
    pub(super) fn is_look_up(&self) -> bool {
        self.method == Method::GET
    }
}

/// Returns a route with a query: often one that adds a job or looks one up, and seldom a reload, which takes long.
fn any_route(rng: &mut Rng) -> (&'static Route, &'static str) {
    let job = |method, path| (find(method, path).expect("the route of jobs"), "");
    let add = job("post", "/v1/tasks/{task}/jobs");
    match rng.u8(..40) {
        0..=5 => return add,
        6..=7 => return job("get", "/v1/tasks/{task}/jobs/{id}"),
        8 => return (&UNKNOWN, ""),
        _ => {}
    }
    let all = ROUTES.iter().flat_map(|route| route.queries.iter().map(move |query| (route, *query)));
    let (route, query) = rng.choice(all.collect::<Vec<_>>()).expect("there are routes");
    let is_reload = (route.method, route.path) == ("post", "/v1/reload");
    if is_reload && rng.u8(..20) > 0 { add } else { (route, query) }
}

/// Returns a job to add, whose arguments have the word `OWN` of the sender.
fn added(rng: &mut Rng) -> Value {
    let delay_ms = if rng.bool() { 0 } else { 3_600_000 };
    json!({ "args": ["OWN", 1, 0], "delay_ms": delay_ms })
}

/// Returns the word that a request of this sender is about: its own, another's, or nobody's.
pub(super) fn subject(sender: Sender, rng: &mut Rng) -> &'static str {
    match (rng.u8(..10), sender.tenant()) {
        (0, _) => NOBODY,
        (1..=4, _) | (_, None) => rng.choice(WORDS).expect("a word"),
        (_, Some(own)) => own,
    }
}

/// Returns whether a path is one of a route of the OpenAPI document.
fn is_of(route: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let (route, path): (Vec<&str>, Vec<&str>) = (route.split('/').collect(), path.split('/').collect());
    route.len() == path.len() && route.iter().zip(&path).all(|(of, is)| of.starts_with('{') || of == is)
}

#[test]
fn every_route_is_asked() {
    let document: Value = serde_json::from_str(saggar::api::openapi()).expect("JSON");
    let (mut rng, positions) = (Rng::with_seed(1), Positions::default());
    let asked: Vec<Template> = (0..20_000).map(|_| Template::random(&mut rng, &positions)).collect();
    for (route, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            let is_it =
                |asked: &Template| asked.method.as_str().eq_ignore_ascii_case(method) && is_of(route, &asked.path);
            assert!(asked.iter().any(is_it), "{method} {route} is never asked");
        }
    }
}
