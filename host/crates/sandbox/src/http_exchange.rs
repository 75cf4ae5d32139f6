//! Exchanges of a guest: how many there may be, and what they count of the sandbox's memory.
//!
//! An exchange takes room for its request and its response when it begins, because the response arrives while the guest does
//! something else. When the guest gets the response, it counts as what it is. So a guest that is run again with the same
//! responses meets the same limits, however fast they arrive.

use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::{BodyExt, Full};
use saggar_http_client::{HttpError, HttpErrorKind};
use wasmtime::component::Resource;
use wasmtime_wasi_http::p2::types::HostFutureIncomingResponse;
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

use crate::guest::Guest;
use crate::http_context::{exchange_bytes, max_body};
use crate::used_imports::Import;

/// Maximum exchanges of one sandbox in progress.
const MAX_IN_PROGRESS: usize = 16;

/// Maximum exchanges during one call of a guest.
const MAX_EXCHANGES: u32 = 10_000;

impl Guest {
    /// Begins an exchange: takes room for it. The caller counts the resources again when it has ended, or when the table
    /// shows that it is in progress.
    pub(crate) fn begin_exchange(&mut self) -> wasmtime::Result<Result<(), HttpError>> {
        let refused = |message: String| Ok(Err(HttpError::new(HttpErrorKind::TooManyRequests, message)));
        let (usage, memory) = (self.usage(), self.limiter.max_bytes());
        let current = self.current(Import::Http)?;
        current.max_http_body = max_body(memory);
        if current.http_calls >= MAX_EXCHANGES {
            return refused(format!(
                "one call may send at most {MAX_EXCHANGES} requests; add a job that continues instead"
            ));
        }
        current.http_calls += 1;
        if usage.exchanges >= MAX_IN_PROGRESS {
            return refused(format!("at most {MAX_IN_PROGRESS} requests may be in progress; wait for their responses"));
        }
        if self.grow(|limiter| Ok(limiter.set_resource_bytes(usage.bytes + exchange_bytes(memory))))? {
            return Ok(Ok(()));
        }
        // The guest is told, and has taken nothing.
        self.limiter.set_resource_bytes(usage.bytes);
        self.limiter.forget_refusal();
        refused(format!(
            "a request needs {} bytes of memory for its bodies, and the sandbox has fewer left: wait for other responses, or \
             raise `sandbox.memory`",
            exchange_bytes(memory)
        ))
    }

    /// Lets the body of a response that has arrived count as memory of the guest until the guest has dropped it.
    pub(crate) fn hold_response(&mut self, future: &Resource<HostFutureIncomingResponse>) -> wasmtime::Result<()> {
        let held = self.held.clone();
        if let HostFutureIncomingResponse::Ready(Ok((response, _))) = self.http().table.get_mut(future)? {
            let mut body = std::mem::replace(response.body_mut(), in_memory(Bytes::new()));
            // It is one part, in memory, so it is there at once.
            let bytes = match body.frame().now_or_never() {
                Some(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                _ => Bytes::new(),
            };
            *response.body_mut() = in_memory(held.hold(bytes));
        }
        Ok(())
    }
}

/// Returns a body that is in memory.
pub(crate) fn in_memory(bytes: Bytes) -> WasiBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}
