//! Metrics of requests: their number, status and duration. The route label is the path of the OpenAPI document and
//! never the client's path, which limits the number of labels.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use foldhash::HashMap;
use http::Method;
use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};

const REQUESTS: &str = "saggar_http_requests_total";
const SECONDS: &str = "saggar_http_request_duration_seconds";

/// The label of requests that match no route.
const NO_ROUTE: &str = "none";

/// Describes the service's metrics to the recorder of the `metrics` facade. Must be called once, after the recorder was
/// installed.
pub fn describe_metrics() {
    describe_counter!(REQUESTS, "Answered requests, by route, method and status");
    describe_histogram!(
        SECONDS,
        Unit::Seconds,
        "Time from the head of a request to the head of its answer, by route and method; includes the wait for a job's end"
    );
}

/// The meters of a service, cached because a look-up by labels would cost more than the update. Created on first use.
/// Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Requests(Arc<RwLock<HashMap<String, Vec<Meters>>>>);

#[derive(Clone)]
struct Meters {
    method: &'static str,
    status: u16,
    requests: Counter,
    seconds: Histogram,
}

impl Requests {
    fn of(&self, route: &str, method: &'static str, status: u16) -> Meters {
        let is_it = |meters: &&Meters| (meters.method, meters.status) == (method, status);
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(meters) = known.get(route).and_then(|of_route| of_route.iter().find(is_it)) {
            return meters.clone();
        }
        drop(known);
        let meters = Meters::new(route, method, status);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let of_route = known.entry(route.to_owned()).or_default();
        // Another request may have created them meanwhile; both are handles of the same metrics.
        if !of_route.iter().any(|meters| is_it(&meters)) {
            of_route.push(meters.clone());
        }
        meters
    }
}

impl Meters {
    fn new(route: &str, method: &'static str, status: u16) -> Self {
        let (route, code) = (route.to_owned(), status.to_string());
        let requests = counter!(REQUESTS, "route" => route.clone(), "method" => method, "status" => code);
        Self { method, status, requests, seconds: histogram!(SECONDS, "route" => route, "method" => method) }
    }
}

/// A request that is being counted and timed.
pub(crate) struct Metered {
    began: Instant,
    route: Option<MatchedPath>,
    method: &'static str,
}

impl Metered {
    /// Begins to time a request.
    pub(crate) fn begin(request: &Request) -> Self {
        let (route, method) = (request.extensions().get::<MatchedPath>().cloned(), name(request.method()));
        Self { began: Instant::now(), route, method }
    }

    /// Counts it with its answer.
    pub(crate) fn end(self, requests: &Requests, response: &Response) {
        let route = self.route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
        let meters = requests.of(route, self.method, response.status().as_u16());
        meters.requests.increment(1);
        meters.seconds.record(self.began.elapsed().as_secs_f64());
    }
}

/// Returns the label of a method. Clients can send any method, but the labels have to be few.
fn name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
