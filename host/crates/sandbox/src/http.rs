//! Outgoing HTTP. Guests may import it, and JavaScript guests always do; the call's services decide what they may reach
//! ([`crate::http_hooks`]).
//!
//! A request that is never sent still stores the text that the guest passed. So the functions that pass text to the
//! host are replaced by functions that limit and count it, and so are those by which requests go out and responses come in.

use saggar_job::LogSource;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, LinkerInstance, Resource};
use wasmtime_wasi::p2::DynOutputStream;
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler::Host as _;
use wasmtime_wasi_http::p2::bindings::http::types::{
    self, ErrorCode, HostFields as _, HostOutgoingRequest as _, Method, Scheme,
};
use wasmtime_wasi_http::p2::body::HostOutgoingBody;
use wasmtime_wasi_http::p2::types::{
    HostFutureIncomingResponse, HostIncomingResponse, HostOutgoingRequest, HostOutgoingResponse,
};
use wasmtime_wasi_http::p2::{HeaderError, HttpError};
use wasmtime_wasi_http::{FieldMap, RequestOptions, WasiHttpCtxView, WasiHttpView};

use crate::guest::Guest;
use crate::http_body::BodyOutput;

/// Maximum bytes of a method that is not a standard one.
const MAX_METHOD: usize = 256;

/// Maximum bytes of a scheme that is not a standard one.
const MAX_SCHEME: usize = 64;

/// Maximum bytes of an authority: a DNS name has at most 255, a port 6.
const MAX_AUTHORITY: usize = 1 << 10;

/// Maximum bytes of a path with its query, the limit of most servers.
const MAX_PATH: usize = 8 << 10;

/// The interface whose functions are replaced, with the version that the library links.
const TYPES: &str = "wasi:http/types@0.2.12";

/// The interface that sends requests.
const HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";

/// Links `wasi:http`.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    link_fields(&mut types)?;
    link_texts(&mut types)?;
    link_bodies(&mut types)?;
    link_responses(&mut types)?;
    link_handler(&mut linker.instance(HANDLER)?)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn link_fields(types: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    types.func_wrap(
        "[static]fields.from-list",
        |mut store: StoreContextMut<'_, Guest>, (entries,): (Vec<(String, Vec<u8>)>,)| {
            counting(&mut store, |mut http| header_result(http.from_list(entries)))
        },
    )?;
    types.func_wrap(
        "[method]fields.set",
        |mut store: StoreContextMut<'_, Guest>, (fields, name, values): (Resource<FieldMap>, String, Vec<Vec<u8>>)| {
            counting(&mut store, |mut http| header_result(http.set(fields, name, values)))
        },
    )?;
    types.func_wrap(
        "[method]fields.append",
        |mut store: StoreContextMut<'_, Guest>, (fields, name, value): (Resource<FieldMap>, String, Vec<u8>)| {
            counting(&mut store, |mut http| header_result(http.append(fields, name, value)))
        },
    )
}

fn link_texts(types: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    type Request = Resource<HostOutgoingRequest>;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store: StoreContextMut<'_, Guest>, (request, method): (Request, Method)| {
            let bytes = if let Method::Other(name) = &method { name.len() } else { 0 };
            set_text(&mut store, bytes <= MAX_METHOD, |mut http| http.set_method(request, method))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-scheme",
        |mut store: StoreContextMut<'_, Guest>, (request, scheme): (Request, Option<Scheme>)| {
            let bytes = if let Some(Scheme::Other(name)) = &scheme { name.len() } else { 0 };
            set_text(&mut store, bytes <= MAX_SCHEME, |mut http| http.set_scheme(request, scheme))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store: StoreContextMut<'_, Guest>, (request, authority): (Request, Option<String>)| {
            let bytes = authority.as_ref().map_or(0, String::len);
            set_text(&mut store, bytes <= MAX_AUTHORITY, |mut http| http.set_authority(request, authority))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-path-with-query",
        |mut store: StoreContextMut<'_, Guest>, (request, path): (Request, Option<String>)| {
            let bytes = path.as_ref().map_or(0, String::len);
            set_text(&mut store, bytes <= MAX_PATH, |mut http| http.set_path_with_query(request, path))
        },
    )
}

fn link_bodies(types: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    type Body = Result<Resource<HostOutgoingBody>, ()>;
    types.func_wrap(
        "[method]outgoing-request.body",
        |mut store: StoreContextMut<'_, Guest>, (request,): (Resource<HostOutgoingRequest>,)| {
            counting::<Body>(&mut store, |mut http| types::HostOutgoingRequest::body(&mut http, request))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-response.body",
        |mut store: StoreContextMut<'_, Guest>, (response,): (Resource<HostOutgoingResponse>,)| {
            counting::<Body>(&mut store, |mut http| types::HostOutgoingResponse::body(&mut http, response))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-body.write",
        |mut store: StoreContextMut<'_, Guest>, (body,): (Resource<HostOutgoingBody>,)| {
            counting::<Result<Resource<DynOutputStream>, ()>>(&mut store, |http| {
                let Some(stream) = http.table.get_mut(&body)?.take_output_stream() else { return Ok(Err(())) };
                let stream: DynOutputStream = Box::new(BodyOutput::new(stream));
                Ok(Ok(http.table.push_child(stream, &body)?))
            })
        },
    )
}

fn link_responses(types: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    type IncomingResult = Option<Result<Result<Resource<HostIncomingResponse>, ErrorCode>, ()>>;
    types.func_wrap(
        "[method]future-incoming-response.get",
        |mut store: StoreContextMut<'_, Guest>, (future,): (Resource<HostFutureIncomingResponse>,)| {
            store.data_mut().hold_response(&future)?;
            counting::<IncomingResult>(&mut store, |mut http| types::HostFutureIncomingResponse::get(&mut http, future))
        },
    )
}

fn link_handler(handler: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    type HandleOptions = Option<Resource<RequestOptions>>;
    handler.func_wrap(
        "handle",
        |mut store: StoreContextMut<'_, Guest>, (request, options): (Resource<HostOutgoingRequest>, HandleOptions)| {
            let begun = store.data_mut().begin_exchange()?;
            if let Err(refused) = &begun {
                // The guest gets a code without a text.
                store.data().services()?.log(LogSource::Host, &format!("HTTP: {refused}"));
            }
            counting(&mut store, |mut http| {
                // The library reads the options and leaves them in the table.
                let options_rep = options.as_ref().map(Resource::rep);
                let sent = if begun.is_ok() {
                    handle_result(http.handle(request, options))?
                } else {
                    http.table.delete(request)?;
                    Err(ErrorCode::ConnectionLimitReached)
                };
                if let Some(rep) = options_rep {
                    http.table.delete(Resource::<RequestOptions>::new_own(rep))?;
                }
                Ok(sent)
            })
        },
    )
}

fn handle_result<T>(result: Result<T, HttpError>) -> wasmtime::Result<Result<T, ErrorCode>> {
    match result {
        Ok(answer) => Ok(Ok(answer)),
        Err(error) => error.downcast().map(Err),
    }
}

/// Calls the library, then counts the guest's resources. Exceeding the memory limit is a trap.
fn counting<T>(
    store: &mut StoreContextMut<'_, Guest>,
    call: impl FnOnce(WasiHttpCtxView<'_>) -> wasmtime::Result<T>,
) -> wasmtime::Result<(T,)> {
    let guest = store.data_mut();
    let answer = call(guest.http())?;
    guest.count_resources()?;
    Ok((answer,))
}

/// Calls the library to store a text. Refuses a text that is too long in the way in which the library refuses an
/// invalid one.
fn set_text(
    store: &mut StoreContextMut<'_, Guest>,
    fits: bool,
    call: impl FnOnce(WasiHttpCtxView<'_>) -> wasmtime::Result<Result<(), ()>>,
) -> wasmtime::Result<(Result<(), ()>,)> {
    if fits { counting(store, call) } else { Ok((Err(()),)) }
}

fn header_result<T>(result: Result<T, HeaderError>) -> wasmtime::Result<Result<T, types::HeaderError>> {
    match result {
        Ok(answer) => Ok(Ok(answer)),
        Err(error) => error.downcast().map(Err),
    }
}
