//! The router: all routes, and the layers around them. It depends on the routes, which depend only on the service.

use std::any::Any;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use saggar_wire::Code;
use tower_http::catch_panic::CatchPanicLayer;

use crate::metering::meter;
use crate::openapi;
use crate::problem::{Refusal, documented};
use crate::response_budget::limit_responses;
use crate::service::Service;

/// Creates a router that answers requests with `service`.
pub(crate) fn router(service: &Service) -> Router {
    let (router, _) = openapi::routes().split_for_parts();
    router
        .fallback(|| async { Refusal::plain(Code::UnknownRoute) })
        .with_state(service.clone())
        .layer(middleware::from_fn_with_state(service.responses().clone(), limit_responses))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(document))
        .layer(middleware::from_fn_with_state(service.requests().clone(), meter))
}

/// Adds the problem document to every error.
async fn document(request: Request, next: Next) -> Response {
    // As the client wrote it, so that the document contains nothing decoded.
    let path = request.uri().path().to_owned();
    documented(next.run(request).await, &path)
}

fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
    tracing::error!(panic = message.as_deref().unwrap_or("no message"), "a request panicked");
    Refusal::plain(Code::Internal).into_response()
}
