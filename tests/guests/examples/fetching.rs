//! Sends requests over HTTP. Arguments: how, the method, the URL, an object of headers, the body, and optionally the timeout
//! in milliseconds. Returns the status, the headers and the body, or the error.
//!
//! `own` uses the contract's interface and `wasi` that of WASI. `hold` sends a request as often as its body says, keeps all
//! responses, and returns how many it got, or the error. `together` begins that many at once and returns their outcomes.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use exports::saggar::task::processor::{Failure, Guest};
use saggar::task::http;
use serde_json::{Value, json};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions,
    Scheme,
};
use wasip2::io::streams::StreamError;

struct Fetching;

/// A request as the arguments describe it.
struct Asked {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
    timeout_ms: Option<u64>,
}

impl Guest for Fetching {
    fn process(_id: u64, args: String) -> Result<String, Failure> {
        let args: Vec<Value> = serde_json::from_str(&args).expect("an array");
        let text = |index: usize| args.get(index).and_then(Value::as_str).unwrap_or_default().to_owned();
        let headers = args.get(3).and_then(Value::as_object).into_iter().flatten();
        let headers = headers.map(|(name, value)| (name.clone(), value.as_str().expect("a text").to_owned()));
        let asked = Asked {
            method: text(1),
            url: text(2),
            headers: headers.collect(),
            body: text(4),
            timeout_ms: args.get(5).and_then(Value::as_u64),
        };
        let answer = match text(0).as_str() {
            "own" => own(asked),
            "wasi" => wasi(&asked),
            "hold" => hold(&asked),
            _ => together(&asked),
        };
        Ok(answer.to_string())
    }
}

export!(Fetching);

fn own(asked: Asked) -> Value {
    let Asked { method, url, headers, body, timeout_ms } = asked;
    let body = body.into_bytes();
    match http::send(&http::Request { method, url, headers, body, timeout_ms }) {
        Ok(response) => {
            let body = String::from_utf8_lossy(&response.body).into_owned();
            json!({ "status": response.status, "headers": response.headers, "body": body })
        }
        Err(problem) => json!({ "error": problem.code, "message": problem.message }),
    }
}

fn wasi(asked: &Asked) -> Value {
    match begin(asked).and_then(|response| wait(&response)) {
        Ok(response) => {
            let headers: Vec<_> =
                response.headers().entries().iter().map(|(name, value)| json!([name, lossy(value)])).collect();
            json!({ "status": response.status(), "headers": headers, "body": lossy(&read(&response)) })
        }
        Err(code) => error(&code),
    }
}

fn hold(asked: &Asked) -> Value {
    let mut held = Vec::new();
    for count in 0..asked.body.parse().expect("how many") {
        match begin(&Asked {
            body: String::new(),
            method: "GET".into(),
            url: asked.url.clone(),
            headers: Vec::new(),
            timeout_ms: None,
        })
        .and_then(|response| wait(&response))
        {
            Ok(response) => held.push(response),
            Err(code) => return json!({ "held": count, "error": format!("{code:?}") }),
        }
    }
    json!({ "held": held.len() })
}

fn together(asked: &Asked) -> Value {
    let request = || Asked {
        body: String::new(),
        method: "GET".into(),
        url: asked.url.clone(),
        headers: Vec::new(),
        timeout_ms: None,
    };
    let count: usize = asked.body.parse().expect("how many");
    let begun: Vec<_> = (0..count).map(|_| begin(&request())).collect();
    let outcome = |response: Result<FutureIncomingResponse, ErrorCode>| match response.and_then(|one| wait(&one)) {
        Ok(response) => json!(response.status()),
        Err(code) => json!(format!("{code:?}")),
    };
    begun.into_iter().map(outcome).collect()
}

fn error(code: &ErrorCode) -> Value {
    json!({ "error": format!("{code:?}") })
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn begin(asked: &Asked) -> Result<FutureIncomingResponse, ErrorCode> {
    let fields = Fields::new();
    for (name, value) in &asked.headers {
        fields.append(name, value.as_bytes()).expect("a header");
    }
    let request = OutgoingRequest::new(fields);
    let method = if asked.method == "GET" { Method::Get } else { Method::Other(asked.method.clone()) };
    request.set_method(&method).expect("a method");
    let (scheme, rest) = asked.url.split_once("://").expect("a URL");
    request.set_scheme(Some(&if scheme == "https" { Scheme::Https } else { Scheme::Http })).expect("a scheme");
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    request.set_authority(Some(authority)).expect("an authority");
    request.set_path_with_query(Some(path)).expect("a path");
    let options = asked.timeout_ms.map(|timeout| {
        let options = RequestOptions::new();
        options.set_first_byte_timeout(Some(timeout * 1_000_000)).expect("a timeout");
        options
    });
    let body = request.body().expect("a body");
    let response = outgoing_handler::handle(request, options)?;
    let stream = body.write().expect("a stream");
    for chunk in asked.body.as_bytes().chunks(4096) {
        if stream.blocking_write_and_flush(chunk).is_err() {
            // The response says why.
            break;
        }
    }
    drop(stream);
    OutgoingBody::finish(body, None)?;
    Ok(response)
}

fn wait(response: &FutureIncomingResponse) -> Result<IncomingResponse, ErrorCode> {
    response.subscribe().block();
    response.get().expect("it is ready").expect("it is taken once")
}

fn read(response: &IncomingResponse) -> Vec<u8> {
    let body = response.consume().expect("a body");
    let stream = body.stream().expect("a stream");
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(more) => bytes.extend(more),
            Err(StreamError::Closed) => return bytes,
            Err(StreamError::LastOperationFailed(error)) => panic!("{}", error.to_debug_string()),
        }
    }
}
