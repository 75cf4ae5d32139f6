//! Host memory of a guest's handles: the maximum number of resources, and the bytes that they take.
//!
//! The bytes are counted by scanning the whole table, which has few entries, instead of tracking each change. So the
//! count cannot miss a resource that was dropped.

use std::any::{Any, TypeId};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body::Body as _;
use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::p2::body::{HostFutureTrailers, HostIncomingBody, HostOutgoingBody};
use wasmtime_wasi_http::p2::types::{
    HostFutureIncomingResponse, HostIncomingResponse, HostOutgoingRequest, HostOutgoingResponse,
};
use wasmtime_wasi_http::{FieldMap, RequestOptions};

use crate::file_resources::{FileDescriptor, FileStreams, Listing, STREAM_BYTES};
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
    /// Exchanges whose responses the guest has not waited for yet.
    pub(crate) exchanges: usize,
}

/// Bytes of responses that a guest has got. The library holds them in streams, which the table does not show, so the bytes
/// count themselves. Cheap to clone; clones share the sum.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeldBytes(Arc<AtomicUsize>);

impl HeldBytes {
    /// Returns the sum.
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns the same bytes, which count until the last part of them is dropped.
    pub(crate) fn hold(&self, bytes: Bytes) -> Bytes {
        self.0.fetch_add(bytes.len(), Ordering::Relaxed);
        Bytes::from_owner(Held { bytes, sum: self.clone() })
    }
}

struct Held {
    bytes: Bytes,
    sum: HeldBytes,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.sum.0.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

/// Scans `table` and returns its usage; `streams` counts those of files, each of which may hold what it has read or is to
/// write. An exchange in progress takes `exchange_bytes`.
pub(crate) fn usage(table: &mut ResourceTable, streams: &FileStreams, exchange_bytes: usize) -> Usage {
    let streams = streams.open();
    let mut usage = Usage { bytes: streams * STREAM_BYTES, holds_data: streams > 0, ..Usage::default() };
    for resource in table.iter_mut() {
        let mut data = data_bytes(resource);
        if data.is_some() && is_in_progress(resource) {
            data = Some(exchange_bytes);
            usage.exchanges += 1;
        }
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
    } else if let Some(HostFutureIncomingResponse::Ready(Ok((response, _)))) = resource.downcast_ref() {
        let body = response.body().size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
        Some(header_bytes(response.headers()) + body.unwrap_or(0))
    } else if let Some(listing) = resource.downcast_ref::<Listing>() {
        Some(listing.bytes())
    } else if let Some(descriptor) = resource.downcast_ref::<FileDescriptor>() {
        // What a guest has opened ends with its call, so an instance that still has it is not used again.
        (!descriptor.is_root).then_some(0)
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
        TypeId::of::<FileDescriptor>(),
        TypeId::of::<Listing>(),
    ];
    types.contains(&resource)
}

/// Returns whether a resource is an exchange whose response the guest has not waited for yet.
fn is_in_progress(resource: &(dyn Any + Send)) -> bool {
    matches!(resource.downcast_ref(), Some(HostFutureIncomingResponse::Pending(_)))
}

fn field_bytes(fields: &FieldMap) -> usize {
    header_bytes(fields)
}

fn header_bytes(headers: &::http::HeaderMap) -> usize {
    let texts: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    texts + headers.capacity() * FIELD_BYTES
}

#[cfg(test)]
mod tests {
    use saggar_files::{FileEntry, FileHandle, FileKind};

    use super::*;

    #[test]
    fn only_resources_with_data_count_as_holding_data() {
        let (mut table, streams) = (ResourceTable::new(), FileStreams::default());
        table.push("a stream").unwrap();
        let usage = |table: &mut ResourceTable| super::usage(table, &streams, 0);
        assert_eq!(usage(&mut table), Usage { count: 1, bytes: RECORD_BYTES, ..Usage::default() });
        let mut fields = FieldMap::new_mutable(MAX_FIELDS);
        let value = ::http::HeaderValue::from_bytes(&[b'v'; 1000]).unwrap();
        fields.append_raw(::http::HeaderName::from_static("name"), value).unwrap();
        let fields = table.push(fields).unwrap();
        let full = usage(&mut table);
        assert!(full.holds_data && full.bytes >= 2 * RECORD_BYTES + 1004, "{full:?}");
        table.delete(fields).unwrap();
        assert_eq!(usage(&mut table).bytes, RECORD_BYTES, "a dropped resource does not count");
    }

    #[test]
    fn what_a_guest_has_opened_holds_data_and_what_it_has_found_does_not() {
        let (mut table, streams) = (ResourceTable::new(), FileStreams::default());
        let usage = |table: &mut ResourceTable| super::usage(table, &streams, 0);
        let (handle, kind) = (FileHandle(0), FileKind::Directory);
        let root = FileDescriptor { handle, kind, read: true, write: true, is_root: true };
        table.push(root).unwrap();
        assert!(!usage(&mut table).holds_data);
        let opened = table.push(FileDescriptor { is_root: false, ..root }).unwrap();
        assert!(usage(&mut table).holds_data);
        table.delete(opened).unwrap();
        let stream = streams.clone();
        let usage_of_stream = usage(&mut table);
        assert!(usage_of_stream.holds_data && usage_of_stream.bytes >= STREAM_BYTES);
        drop(stream);
        let name = "n".repeat(100);
        table.push(Listing(vec![FileEntry { name, kind }; 10].into_iter())).unwrap();
        assert!(usage(&mut table).bytes >= 1000);
    }

    #[test]
    fn held_bytes_count_until_the_last_part_is_dropped() {
        let held = HeldBytes::default();
        let mut bytes = held.hold(Bytes::from_static(b"0123456789"));
        let other = held.hold(Bytes::from_static(b"ab"));
        assert_eq!((held.bytes(), &*other), (12, b"ab".as_slice()));
        drop(other);
        let part = bytes.split_to(4);
        drop(bytes);
        assert_eq!((held.bytes(), &*part), (10, b"0123".as_slice()));
        drop(part);
        assert_eq!(held.bytes(), 0);
    }
}
