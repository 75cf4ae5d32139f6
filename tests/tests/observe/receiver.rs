//! An OTLP collector over HTTP that stores all spans that it receives.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::post;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use saggar_tests::timeout::within;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The collector. It stops when it is dropped.
pub(super) struct Receiver {
    address: SocketAddr,
    received: watch::Receiver<Vec<Received>>,
    _serving: JoinSet<()>,
}

/// A received span with the name of its service.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) service: String,
    pub(super) span: Span,
    /// The attributes of the service's resource.
    resource: Vec<KeyValue>,
    /// The headers of the request with the span.
    pub(super) headers: HeaderMap,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("a socket has an address");
        let (sent, received) = watch::channel(Vec::new());
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::new(sent));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = socket.accept().await {
                let service = TowerToHyperService::new(router.clone());
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // A client that disconnects is not an error of the collector.
                connections.spawn(async move { drop(connection.await) });
            }
        });
        Self { address, received, _serving: serving }
    }

    /// Returns the base URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the spans of a trace received so far, in order of start time, because an attempt can end before the span
    /// of its adding.
    pub(super) fn of_trace(&self, trace: &str) -> Vec<Received> {
        let mut spans = self.matching(|received| hex(&received.span.trace_id) == trace);
        spans.sort_by_key(|received| received.span.start_time_unix_nano);
        spans
    }

    /// Returns the spans received so far for which this is true.
    pub(super) fn matching(&self, is_its: impl Fn(&Received) -> bool) -> Vec<Received> {
        self.received.borrow().iter().filter(|received| is_its(received)).cloned().collect()
    }

    /// Waits for `enough` spans of a trace; returns all received ones.
    pub(super) async fn until(&self, trace: &str, enough: usize) -> Vec<Received> {
        let mut received = self.received.clone();
        let what = format!("{enough} spans of {trace}");
        within(&what, async {
            loop {
                let found = self.of_trace(trace);
                if found.len() >= enough {
                    return found;
                }
                received.changed().await.expect("the collector is running");
            }
        })
        .await
    }
}

async fn take(
    State(sent): State<Arc<watch::Sender<Vec<Received>>>>,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let request = ExportTraceServiceRequest::decode(body).expect("a request of the protocol");
    sent.send_modify(|all| {
        for of_resource in request.resource_spans {
            let resource = of_resource.resource.unwrap_or_default().attributes;
            let service = attribute(&resource, "service.name");
            let spans = of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans);
            all.extend(spans.map(|span| Received {
                service: service.clone(),
                span,
                resource: resource.clone(),
                headers: headers.clone(),
            }));
        }
    });
    ([("content-type", "application/x-protobuf")], ExportTraceServiceResponse::default().encode_to_vec())
}

impl Received {
    /// Returns the span's id.
    pub(super) fn id(&self) -> String {
        hex(&self.span.span_id)
    }

    /// Returns the id of the span's parent.
    pub(super) fn parent(&self) -> String {
        hex(&self.span.parent_span_id)
    }

    /// Returns an attribute as text; empty if it does not exist.
    pub(super) fn attribute(&self, key: &str) -> String {
        attribute(&self.span.attributes, key)
    }

    /// Returns an attribute of the service as text; empty if it does not exist.
    pub(super) fn of_service(&self, key: &str) -> String {
        attribute(&self.resource, key)
    }
}

fn attribute(all: &[KeyValue], key: &str) -> String {
    let found = all.iter().find(|attribute| attribute.key == key);
    text(found.and_then(|attribute| attribute.value.as_ref()).and_then(|value| value.value.as_ref()))
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(flag)) => flag.to_string(),
        None => String::new(),
        other => panic!("unexpected attribute value {other:?}"),
    }
}

/// Formats bytes as hexadecimal text.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
