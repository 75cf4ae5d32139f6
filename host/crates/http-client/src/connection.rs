//! A connection to a server: one exchange at a time, driven by the future of the exchange itself. So nothing runs for a
//! guest whose call has ended.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::exchange::{HttpError, HttpErrorKind, HttpResponse};
use crate::headers::{MAX_HEADER_BYTES, MAX_HEADERS, is_of_connection};
use crate::metered::{Meter, Metered};

/// Bytes that a server may send for each byte of a body: chunks of one byte have a framing of five.
const FRAMING: u64 = 8;

/// Bytes that a server may send in addition: headers, informational responses, trailers.
const BESIDE_THE_BODY: u64 = 4 * MAX_HEADER_BYTES as u64;

/// A stream over which HTTP is spoken: TCP, or TLS over it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection on which no exchange is in progress.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
    meter: Arc<Meter>,
    address: IpAddr,
}

/// The bounds of a response.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResponseBounds {
    pub(crate) max_body: usize,
    pub(crate) first_byte: Duration,
    pub(crate) between_bytes: Duration,
}

/// Why an exchange failed.
pub(crate) struct Failed {
    pub(crate) error: HttpError,
    /// What may have become of the request.
    pub(crate) progress: Progress,
}

/// What may have become of a request that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing of it was sent: the server had closed a connection that was kept.
    Unsent,
    /// The connection was closed before anything came back; the server may have seen the request.
    Unanswered,
    /// Something came back, or a limit was reached.
    Answered,
}

impl From<HttpError> for Failed {
    fn from(error: HttpError) -> Self {
        Self { error, progress: Progress::Answered }
    }
}

impl Connection {
    /// Begins to speak HTTP on a stream to `address`.
    pub(crate) async fn new(stream: Box<dyn Stream>, address: IpAddr) -> Result<Self, HttpError> {
        let meter = Arc::new(Meter::default());
        let io = TokioIo::new(Metered::new(stream, Arc::clone(&meter)));
        let mut builder = Builder::new();
        builder.max_headers(MAX_HEADERS).max_header_size(MAX_HEADER_BYTES).max_buf_size(2 * MAX_HEADER_BYTES);
        let (sender, driver) = builder.handshake(io).await.map_err(|error| describe(&error, &meter))?;
        // Its result is also that of the exchange.
        let driver = Driver(Some(Box::pin(driver.map(drop))));
        Ok(Self { sender, driver, meter, address })
    }

    /// Returns the address that it is connected to.
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    /// Returns whether the server has closed the connection, or has sent something unasked.
    pub(crate) fn is_dead(&mut self) -> bool {
        self.driver.poll_once();
        !self.driver.is_open() || self.sender.is_closed()
    }

    /// Sends a request and reads the whole response. Returns the connection if it can be used again.
    pub(crate) async fn exchange(
        mut self,
        request: Request<Full<Bytes>>,
        bounds: ResponseBounds,
    ) -> Result<(HttpResponse, Option<Self>), Failed> {
        self.meter.set(BESIDE_THE_BODY + FRAMING * bounds.max_body as u64);
        let sent = self.driver.run(timeout(bounds.first_byte, self.sender.try_send_request(request))).await;
        let response = match sent {
            Err(_) => return Err(HttpError::timed_out("waiting for the response", bounds.first_byte).into()),
            Ok(Err(mut failed)) => {
                let error = describe(failed.error(), &self.meter);
                let progress = match failed.take_message() {
                    Some(_) => Progress::Unsent,
                    None if self.meter.is_untouched() => Progress::Unanswered,
                    None => Progress::Answered,
                };
                return Err(Failed { error, progress });
            }
            Ok(Ok(response)) => response,
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let message = "the server switched to another protocol, which the request did not ask for";
            return Err(HttpError::new(HttpErrorKind::InvalidResponse, message).into());
        }
        let response = self.driver.run(collect(response, bounds, &self.meter)).await?;
        let is_idle = poll_fn(|cx| {
            self.driver.poll(cx);
            Poll::Ready(matches!(self.sender.poll_ready(cx), Poll::Ready(Ok(()))))
        });
        let is_reusable = is_idle.await && self.driver.is_open();
        Ok((response, is_reusable.then_some(self)))
    }
}

/// Reads the body of a response.
async fn collect(
    response: Response<Incoming>,
    bounds: ResponseBounds,
    meter: &Meter,
) -> Result<HttpResponse, HttpError> {
    let (head, mut body) = response.into_parts();
    let ResponseBounds { max_body, between_bytes, .. } = bounds;
    if body.size_hint().lower() > max_body as u64 {
        return Err(HttpError::response_too_large(max_body));
    }
    let mut bytes = Vec::new();
    loop {
        let frame = timeout(between_bytes, body.frame()).await;
        let Some(frame) = frame.map_err(|_| HttpError::timed_out("waiting for more of the response", between_bytes))?
        else {
            break;
        };
        // Trailers are of no use to guests.
        let Ok(data) = frame.map_err(|error| describe(&error, meter))?.into_data() else { continue };
        if bytes.len() + data.len() > max_body {
            return Err(HttpError::response_too_large(max_body));
        }
        bytes.extend_from_slice(&data);
    }
    bytes.shrink_to_fit();
    let headers = head.headers.iter().filter(|(name, _)| !is_of_connection(name));
    let headers = headers.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    Ok(HttpResponse { status: head.status.as_u16(), headers: headers.collect(), body: bytes.into() })
}

/// Explains an error of HTTP.
fn describe(error: &hyper::Error, meter: &Meter) -> HttpError {
    let (kind, message) = if meter.is_exceeded() || error.is_parse_too_large() {
        let message =
            format!("the headers of the response, or what surrounds its body, exceed {MAX_HEADER_BYTES} bytes");
        (HttpErrorKind::ResponseTooLarge, message)
    } else if error.is_parse() {
        (HttpErrorKind::InvalidResponse, format!("the server did not answer with HTTP/1.1: {error}"))
    } else {
        (HttpErrorKind::ConnectionFailed, format!("the connection ended before the response did: {error}"))
    };
    HttpError::new(kind, message)
}

/// The future that moves the bytes of a connection. It ends with the connection.
struct Driver(Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Driver {
    fn is_open(&self) -> bool {
        self.0.is_some()
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        let has_ended = self.0.as_mut().is_some_and(|driver| driver.as_mut().poll(cx).is_ready());
        if has_ended {
            self.0 = None;
        }
    }

    fn poll_once(&mut self) {
        let once = poll_fn(|cx| {
            self.poll(cx);
            Poll::Ready(())
        });
        let _ = once.now_or_never();
    }

    /// Moves bytes while `work` waits for them.
    async fn run<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|cx| {
            self.poll(cx);
            work.as_mut().poll(cx)
        })
        .await
    }
}
