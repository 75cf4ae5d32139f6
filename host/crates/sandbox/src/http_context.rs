//! The HTTP context of a store: its limits, and the hooks of a guest that is not called, which deny every request.

use http::Request;
use saggar_http_client::MAX_HEADER_BYTES;
use wasmtime_wasi_http::p2::bindings::http::types::{Method, Scheme};
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpHooks};

/// Maximum bytes of all names and values of one `fields`, as the library counts them.
pub(crate) const MAX_FIELDS: usize = 16 << 10;

/// Maximum bytes of a body that are buffered. A guest can write more after they were sent.
pub(crate) const MAX_CHUNK: usize = 16 << 10;

/// Minimum and maximum bytes of a body that is exchanged; between them, it depends on the sandbox's memory.
const BODIES: (usize, usize) = (64 << 10, 16 << 20);

/// Returns the maximum bytes of a body, of a request or a response, in a sandbox with this memory: a sixteenth of it, so that
/// several exchanges fit in.
pub(crate) fn max_body(memory: u64) -> usize {
    usize::try_from(memory / 16).unwrap_or(usize::MAX).clamp(BODIES.0, BODIES.1)
}

/// Returns the bytes that an exchange in progress may take: a request, and its response.
pub(crate) fn exchange_bytes(memory: u64) -> usize {
    2 * (max_body(memory) + MAX_HEADER_BYTES)
}

/// Creates the HTTP context of a store.
pub(crate) fn context() -> WasiHttpCtx {
    let mut context = WasiHttpCtx::new();
    context.set_field_size_limit(MAX_FIELDS);
    context
}

/// Returns the bytes of the texts of a request, without its fields.
pub(crate) fn text_bytes(request: &HostOutgoingRequest) -> usize {
    let method = if let Method::Other(name) = &request.method { name.len() } else { 0 };
    let scheme = if let Some(Scheme::Other(name)) = &request.scheme { name.len() } else { 0 };
    let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    method + scheme + of(&request.authority) + of(&request.path_with_query)
}

/// The hooks of a guest that is not called.
pub(crate) struct DenyHttp;

/// What a hook answers to a request.
pub(crate) type Sent = Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl WasiHttpHooks for DenyHttp {
    fn send_request(
        &mut self,
        _request: Request<WasiBody>,
        _options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }

    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        1
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        MAX_CHUNK
    }
}
