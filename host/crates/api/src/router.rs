//! The router: all routes, and the layers around them. It depends on the routes, which depend only on the service.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::HeaderValue;
use http::header::X_CONTENT_TYPE_OPTIONS;
use saggar_wire::Code;

use crate::metering::Metered;
use crate::openapi;
use crate::problem::{Refusal, documented};
use crate::response_budget::{Limit, limited};
use crate::routes;
use crate::service::Service;

/// Creates a router that answers requests with `service`.
pub(crate) fn router(service: &Service) -> Router {
    let (router, _) = openapi::routes().split_for_parts();
    router
        .merge(routes::dashboard_routes())
        .fallback(|| async { Refusal::plain(Code::UnknownRoute) })
        .with_state(service.clone())
        .layer(middleware::from_fn_with_state(service.clone(), around))
}

/// Everything around the routes, in one layer: each layer moves the request and boxes a future, which costs as much as
/// what these do. Every request is metered, every error has its problem document, panics are answered, large answers wait
/// for room, and browsers are told not to guess what an answer is, because answers contain text of guests.
async fn around(State(service): State<Service>, request: Request, next: Next) -> Response {
    let metered = Metered::begin(&request);
    // The path as the client wrote it, so that the document contains nothing decoded.
    let uri = request.uri().clone();
    let limit = Limit::of(&request, service.responses());
    let answer = async { limited(next.run(request).await, limit).await };
    let response = AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(panicked);
    let mut response = documented(response, uri.path());
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    metered.end(service.requests(), &response);
    response
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
    tracing::error!(panic = message.as_deref().unwrap_or("no message"), "a request panicked");
    Refusal::plain(Code::Internal).into_response()
}
