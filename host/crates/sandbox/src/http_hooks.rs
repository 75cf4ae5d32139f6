//! `wasi:http` during a call: a request is collected and passed to the call's services as one value, and so is its response.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use saggar_http_client::{HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpTimeouts};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::Services;
use crate::guest::Current;
use crate::http_context::{MAX_CHUNK, Sent};
use crate::http_exchange::in_memory;

impl WasiHttpHooks for Current {
    /// The host sends the one that belongs to the URL.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let timeouts = timeouts(HttpTimeouts::within(self.remaining()), options.unwrap_or_default());
        Box::new(exchange(Arc::clone(&self.services), request, timeouts, self.max_http_body))
    }

    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        1
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        MAX_CHUNK
    }
}

/// Shortens the timeouts of the host to those of the guest. The library's defaults are ten minutes each.
fn timeouts(host: HttpTimeouts, guest: RequestOptions) -> HttpTimeouts {
    let shorter = |own: Option<std::time::Duration>, default| own.map_or(default, |own| own.min(host.total));
    HttpTimeouts {
        total: host.total,
        connect: shorter(guest.connect_timeout, host.connect),
        first_byte: shorter(guest.first_byte_timeout, host.first_byte),
        between_bytes: shorter(guest.between_bytes_timeout, host.between_bytes),
    }
}

async fn exchange(
    services: Arc<dyn Services>,
    request: Request<WasiBody>,
    timeouts: HttpTimeouts,
    max_body: usize,
) -> Sent {
    let (head, body) = request.into_parts();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    let request = HttpRequest {
        method: head.method.as_str().to_owned(),
        url: head.uri.to_string(),
        headers: headers.collect(),
        body: collect(body, max_body).await?,
        timeouts,
        max_response: max_body,
    };
    let response = services.http(request).await.map_err(to_wasi)?;
    let sent: Box<dyn Future<Output = Result<(), Error>> + Send> = Box::new(async { Ok(()) });
    Ok((to_response(response)?, sent))
}

/// Reads what the guest writes, until it finishes the body. A body that is too large is read to its end, too: the guest is
/// told when it asks for the response, and not at some write, which would depend on time.
async fn collect(mut body: WasiBody, max: usize) -> Result<Bytes, Error> {
    let (mut bytes, mut is_too_large) = (BytesMut::new(), false);
    while let Some(frame) = body.frame().await {
        // Trailers are not sent.
        let Ok(data) = frame?.into_data() else { continue };
        is_too_large |= bytes.len() + data.len() > max;
        if is_too_large {
            bytes = BytesMut::new();
        } else {
            bytes.extend_from_slice(&data);
        }
    }
    if is_too_large { Err(Error::HttpRequestBodySize(Some(max as u64))) } else { Ok(bytes.freeze()) }
}

fn to_response(response: HttpResponse) -> Result<Response<WasiBody>, Error> {
    let mut http = Response::new(in_memory(response.body));
    *http.status_mut() = StatusCode::from_u16(response.status).map_err(|_| Error::HttpProtocolError)?;
    for (name, value) in response.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Error::HttpProtocolError)?;
        let value = HeaderValue::from_bytes(&value).map_err(|_| Error::HttpProtocolError)?;
        http.headers_mut().append(name, value);
    }
    Ok(http)
}

/// Returns the error of `wasi:http` that comes closest. Most of them have no text; the services have logged it.
fn to_wasi(error: HttpError) -> Error {
    match error.kind {
        HttpErrorKind::NotGranted => Error::HttpRequestDenied,
        HttpErrorKind::InvalidRequest => Error::InternalError(Some(error.message)),
        HttpErrorKind::RequestTooLarge => Error::HttpRequestHeaderSectionSize(None),
        HttpErrorKind::TooManyRequests => Error::ConnectionLimitReached,
        HttpErrorKind::UnknownName => Error::DestinationNotFound,
        HttpErrorKind::AddressDenied => Error::DestinationIpProhibited,
        HttpErrorKind::ConnectionFailed => Error::ConnectionTerminated,
        HttpErrorKind::TlsFailed => Error::TlsCertificateError,
        HttpErrorKind::TimedOut => Error::HttpResponseTimeout,
        HttpErrorKind::ResponseTooLarge => Error::HttpResponseBodySize(None),
        HttpErrorKind::InvalidResponse => Error::HttpProtocolError,
    }
}
