//! Reads bodies: JSON only, with limits for size and time, and a budget for all bodies together.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::BodyExt;
use saggar_tenant::{FairSemaphore, Quota};
use saggar_wire::{Code, Object};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::address::task_or_none;
use crate::caller::RequestTenant;
use crate::place;
use crate::problem::Refusal;
use crate::room::{Room, TenantRoom};
use crate::service::Service;

/// Maximum pause between two frames of a body.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// Maximum time to read a body: 16 MiB at 280 KiB/s.
const MAX_TIME: Duration = Duration::from_secs(60);

/// A type of body with its maximum size.
pub(crate) trait Form: DeserializeOwned {
    /// Maximum bytes.
    const MAX_BYTES: usize;
}

/// A body deserialized as a `T`, with the room for its bytes.
pub(crate) struct JsonBody<T> {
    pub(crate) value: T,
    pub(crate) room: Room,
}

impl<T: Form> FromRequest<Service> for JsonBody<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Refusal> {
        let (mut parts, mut body) = request.into_parts();
        let tenant = parts.extensions.remove::<RequestTenant>();
        let task = task_or_none(&mut parts, service).await?;
        // Refused before the body is read: otherwise hyper would answer `Expect: 100-continue`, and the client would
        // send the body. The connection discards a body that is sent anyway.
        check_head(&parts.headers, T::MAX_BYTES)?;
        let room = room_of(tenant.as_ref(), &task, service);
        let (bytes, room) = collect(&mut body, T::MAX_BYTES, service.bodies(), room).await?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let at = error.valid_up_to();
            Refusal::new(Code::InvalidUtf8, format!("the body is not UTF-8 from byte {at} on; JSON has to be UTF-8"))
        })?;
        // Some editors write a byte order mark; RFC 8259 allows a parser to ignore it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let Object(value) = serde_json::from_str(text)
            .map_err(|error| Refusal::new(Code::InvalidBody, place::unreadable::<Object<T>>(text, &error)))?;
        Ok(Self { value, room })
    }
}

/// Creates the empty room of a body for a task of this tenant.
fn room_of(tenant: Option<&RequestTenant>, task: &str, service: &Service) -> Room {
    let charged = tenant.filter(|of| of.is_charged).map(|of| &of.tenant);
    let of_tenant = charged.map(|tenant| TenantRoom::of(tenant, Quota::RequestBytes));
    Room::of(Some(service.share_of(charged, tenant.map(|of| &*of.tenant), task)), of_tenant)
}

fn check_head(headers: &HeaderMap, max: usize) -> Result<(), Refusal> {
    // Repeated headers are refused, because another parser might use the other value.
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let is_typed = types.next().and_then(|value| value.to_str().ok()).is_some_and(is_json) && types.next().is_none();
    let is_plain = headers.get_all(CONTENT_ENCODING).iter().all(|value| value == "identity");
    if !is_typed || !is_plain {
        return Err(Refusal::plain(Code::UnsupportedMediaType));
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > max as u64) {
        return Err(too_large(max));
    }
    Ok(())
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn too_large(max: usize) -> Refusal {
    Refusal::new(Code::BodyTooLarge, format!("the body is larger than the {max} bytes that this route accepts"))
}

async fn collect(body: &mut Body, max: usize, all: &FairSemaphore, mut room: Room) -> Result<(Vec<u8>, Room), Refusal> {
    let slow = || Refusal::plain(Code::BodyTimeout);
    let reading = async {
        let mut bytes = Vec::new();
        while let Some(frame) = timeout(MAX_PAUSE, body.frame()).await.map_err(|_| slow())? {
            let frame = frame.map_err(|_| Refusal::plain(Code::IncompleteBody))?;
            // Trailers are ignored.
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > max {
                return Err(too_large(max));
            }
            room.grow_to(bytes.len() + data.len(), all)?;
            bytes.extend_from_slice(&data);
        }
        Ok((bytes, room))
    };
    timeout(MAX_TIME, reading).await.map_err(|_| slow())?
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::room::BLOCK;
    use crate::shares::Shares;
    use saggar_tenant::{Flow, Tenant};

    #[test]
    fn media_types_may_have_parameters() {
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/json;x=y"] {
            assert!(is_json(good), "{good}");
        }
        for bad in ["", "text/plain", "application/jsonp", "application/x-www-form-urlencoded"] {
            assert!(!is_json(bad), "{bad}");
        }
    }

    fn flow(task: &str) -> Flow {
        Flow::new(Tenant::new("a"), task)
    }

    #[tokio::test]
    async fn bodies_share_the_budget_and_release_their_room() {
        let (all, shares) = (FairSemaphore::new(3, 1), Arc::new(Shares::new(3, false, 0)));
        let read = |bytes: usize| {
            let (all, room) = (all.clone(), Room::of(Some(shares.of(flow("a"))), None));
            async move { collect(&mut Body::from(vec![b'x'; bytes]), 1 << 20, &all, room).await.map(|(_, room)| room) }
        };
        let two = read(BLOCK + 1).await.unwrap();
        let one = read(BLOCK).await.unwrap();
        assert_eq!(read(1).await.err(), Some(Refusal::plain(Code::Overloaded)));
        drop(one);
        read(1).await.unwrap();
        drop(two);
        assert_eq!(all.free(), 3);
        assert_eq!(read(2 << 20).await.err().map(|refusal| refusal.code), Some(Code::BodyTooLarge));
    }

    #[tokio::test]
    async fn bodies_of_one_task_leave_room_for_others() {
        let (all, shares) = (FairSemaphore::new(8, 1), Arc::new(Shares::new(2, false, 0)));
        let read = |task: &str, bytes: usize| {
            let (all, room) = (all.clone(), Room::of(Some(shares.of(flow(task))), None));
            async move { collect(&mut Body::from(vec![b'x'; bytes]), 1 << 20, &all, room).await.map(|(_, room)| room) }
        };
        let mut slow = read("slow", 2 * BLOCK).await.unwrap();
        assert_eq!(read("slow", 1).await.err(), Some(Refusal::plain(Code::Overloaded)));
        let other = read("other", 2 * BLOCK).await.unwrap();
        assert_eq!(all.free(), 4, "a refused body did not release its room");
        // The jobs take less room than the body.
        slow.shrink_to(100);
        assert_eq!(all.free(), 5);
        let another = read("slow", BLOCK).await.unwrap();
        drop((slow, other, another));
        assert_eq!(all.free(), 8);
    }
}
