//! HTTP for guests. An exchange is a request and its whole response, as plain values; nothing of a connection is left
//! to a guest.
//!
//! In reading order: an [`HttpRequest`] names a URL, which is parsed strictly (`target`). [`TenantHttp::exchange`]
//! compares it with what the task has in force, puts secrets and signatures in (`secrets`), resolves the name (`resolver`), checks each
//! address and connects to the address that was checked (`dial`), sends the request over that connection (`connection`),
//! and reads the response within its bounds. Redirects are responses like any other. There are no proxies, no cookies and
//! no decompression.

mod exchange;

mod base64;
mod metered;
mod placeholder;
mod resolver;
mod target;

mod connection;
mod dial;
mod headers;
mod idle;
mod redaction;
mod secret_source;
mod secrets;
mod signature;

mod client;
mod tenant;

pub use client::HttpClient;
pub use exchange::{HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpTimeouts};
pub use headers::{MAX_HEADER_BYTES, MAX_HEADERS};
pub use placeholder::{PLACEHOLDER, SIGNATURE_PLACEHOLDER};
pub use resolver::{Resolve, SystemResolver};
pub use rustls::pki_types::CertificateDer;
pub use secret_source::{SecretError, read_secrets, run_program};
pub use secrets::Secrets;
pub use tenant::TenantHttp;
