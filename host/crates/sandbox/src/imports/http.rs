//! `saggar:task/http`: requests over HTTP, with the whole response.

use std::time::Duration;

use saggar_http_client::{HttpError, HttpRequest, HttpResponse, HttpTimeouts};

use crate::bindings::http::{self, Host};
use crate::bindings::types;
use crate::guest::Guest;
use crate::used_imports::Import;

impl Host for Guest {
    async fn send(&mut self, request: http::Request) -> wasmtime::Result<Result<http::Response, types::Problem>> {
        if let Err(refused) = self.begin_exchange()? {
            return Ok(Err(problem(refused)));
        }
        let current = self.current(Import::Http)?;
        let total = request.timeout_ms.map_or(Duration::MAX, Duration::from_millis).min(current.remaining());
        let (services, max_body) = (current.services.clone(), current.max_http_body);
        let answer = if request.body.len() > max_body {
            Err(HttpError::request_too_large(max_body))
        } else {
            let request = exchange(request, HttpTimeouts::within(total), max_body);
            self.slices.clone().in_host(services.http(request)).await
        };
        // Gives the room of the exchange back.
        self.count_resources()?;
        Ok(answer.map(response).map_err(problem))
    }
}

fn exchange(request: http::Request, timeouts: HttpTimeouts, max_response: usize) -> HttpRequest {
    let http::Request { method, url, headers, body, .. } = request;
    let headers = headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
    HttpRequest { method, url, headers, body: body.into(), timeouts, max_response }
}

fn response(response: HttpResponse) -> http::Response {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let headers = response.headers.into_iter().map(|(name, value)| (name, text(value))).collect();
    http::Response { status: response.status, headers, body: response.body.into() }
}

fn problem(error: HttpError) -> types::Problem {
    types::Problem { code: error.kind.code().to_owned(), message: error.message, details: None }
}
