//! Host memory of a guest's handles: the maximum number of resources, and the bytes that they take.
//!
//! The bytes are counted by scanning the whole table, which has few entries, instead of tracking each change. So the
//! count cannot miss a resource that was dropped.

use std::any::{Any, TypeId};

use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::p2::body::{HostFutureTrailers, HostIncomingBody, HostOutgoingBody};
use wasmtime_wasi_http::p2::types::{
    HostFutureIncomingResponse, HostIncomingResponse, HostOutgoingRequest, HostOutgoingResponse,
};
use wasmtime_wasi_http::{FieldMap, RequestOptions};

use crate::http_context::{self, MAX_CHUNK, MAX_FIELDS};

/// Maximum WASI resources of one sandbox: streams, pollables, requests and the like. Ordinary guests have fewer than
/// ten.
pub(crate) const MAX_RESOURCES: usize = 256;

/// Maximum component handles of one sandbox. More than [`MAX_RESOURCES`], because linked components pass resources of
/// their own to each other, and because the engine also counts borrows during a call.
pub(crate) const MAX_HANDLES: usize = 1024;

/// Bytes of a table entry and of the resource itself, without the data that it points to.
const RECORD_BYTES: usize = 256;

/// Bytes that a header map allocates per entry, in addition to name and value.
const FIELD_BYTES: usize = 128;

/// Bytes of a body: one buffered chunk, and its trailers.
const BODY_BYTES: usize = MAX_CHUNK + 2 * MAX_FIELDS;

/// Usage of one sandbox's resources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Number of resources.
    pub(crate) count: usize,
    /// Bytes of all of them.
    pub(crate) bytes: usize,
    /// Whether any of them holds data from the guest, or might hold data from a peer.
    pub(crate) holds_data: bool,
}

/// Scans `table` and returns its usage.
pub(crate) fn usage(table: &mut ResourceTable) -> Usage {
    let mut usage = Usage::default();
    for resource in table.iter_mut() {
        let data = data_bytes(resource);
        usage.count += 1;
        usage.bytes += RECORD_BYTES + data.unwrap_or(0);
        usage.holds_data |= data.is_some();
    }
    usage
}

/// Returns the bytes of a resource's data; `None` for streams, pollables and others without data.
fn data_bytes(resource: &(dyn Any + Send)) -> Option<usize> {
    if !may_hold_data(resource.type_id()) {
        None
    } else if let Some(fields) = resource.downcast_ref::<FieldMap>() {
        Some(field_bytes(fields))
    } else if let Some(request) = resource.downcast_ref::<HostOutgoingRequest>() {
        let body = request.body.as_ref().map_or(0, |_| BODY_BYTES);
        Some(http_context::text_bytes(request) + field_bytes(&request.headers) + body)
    } else if let Some(response) = resource.downcast_ref::<HostOutgoingResponse>() {
        let body = response.body.as_ref().map_or(0, |_| BODY_BYTES);
        Some(field_bytes(&response.headers) + body)
    } else if let Some(response) = resource.downcast_ref::<HostIncomingResponse>() {
        Some(field_bytes(&response.headers))
    } else {
        Some(0)
    }
}

/// Returns whether resources of a type hold data. Each call of the guest asks this for all of its resources, most of which
/// are streams, so the type is determined once for each and not by a series of downcasts.
fn may_hold_data(resource: TypeId) -> bool {
    let types = [
        TypeId::of::<FieldMap>(),
        TypeId::of::<HostOutgoingRequest>(),
        TypeId::of::<HostOutgoingResponse>(),
        TypeId::of::<HostIncomingResponse>(),
        TypeId::of::<HostOutgoingBody>(),
        TypeId::of::<HostIncomingBody>(),
        TypeId::of::<HostFutureTrailers>(),
        TypeId::of::<HostFutureIncomingResponse>(),
        TypeId::of::<RequestOptions>(),
    ];
    types.contains(&resource)
}

fn field_bytes(fields: &FieldMap) -> usize {
    let texts: usize = fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    texts + fields.capacity() * FIELD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_resources_with_data_count_as_holding_data() {
        let mut table = ResourceTable::new();
        table.push("a stream").unwrap();
        assert_eq!(usage(&mut table), Usage { count: 1, bytes: RECORD_BYTES, holds_data: false });
        let mut fields = FieldMap::new_mutable(MAX_FIELDS);
        let value = ::http::HeaderValue::from_bytes(&[b'v'; 1000]).unwrap();
        fields.append_raw(::http::HeaderName::from_static("name"), value).unwrap();
        let fields = table.push(fields).unwrap();
        let full = usage(&mut table);
        assert!(full.holds_data && full.bytes >= 2 * RECORD_BYTES + 1004, "{full:?}");
        table.delete(fields).unwrap();
        assert_eq!(usage(&mut table).bytes, RECORD_BYTES, "a dropped resource does not count");
    }
}
