//! The budget of large answers: limits the total size of all answers in transit to what the host can hold in memory,
//! however slowly the clients read them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;
use saggar_tenant::{FairSemaphore, Flow, Quota, Tenant};

use crate::connection_tenant::ConnectionTenant;
use crate::problem::Refusal;
use crate::room::{BLOCK, Room, TenantRoom};

/// Answers up to this size are not counted; the system buffers more for each connection.
pub(crate) const SMALL: usize = BLOCK;

/// Blocks of all large answers: 192 MiB, or 24 of the largest jobs. Including the memory that a store needs to read
/// them, this stays below the documented 256 MiB.
const MAX_BLOCKS: usize = 192 * 1024 * 1024 / BLOCK;

/// Blocks reserved for large answers that report a change when the other room is full: two of the largest jobs.
const RESERVED_BLOCKS: usize = 16 * 1024 * 1024 / BLOCK;

/// Maximum wait of a reader for room. A client that retries later finds room, because other answers have been written.
const MAX_WAIT_TO_READ: Duration = Duration::from_secs(5);

/// Room for the bytes of large answers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ResponseBudget {
    answers: FairSemaphore,
    reserve: FairSemaphore,
    /// Who is charged for answers about no tenant.
    no_tenant: Arc<Tenant>,
}

impl Default for ResponseBudget {
    fn default() -> Self {
        // A block costs one.
        let (answers, reserve) = (FairSemaphore::new(MAX_BLOCKS, 1), FairSemaphore::new(RESERVED_BLOCKS, 1));
        Self { answers, reserve, no_tenant: Tenant::new("") }
    }
}

impl ResponseBudget {
    /// Reserves room for an answer of a tenant before it is read from the store. Callers wait, those of several tenants by
    /// their weights, so that many readers of large jobs are served in small groups; beyond the tenant's quota they are
    /// refused.
    pub(crate) async fn room_to_read(&self, tenant: Option<&Arc<Tenant>>, bytes: usize) -> Result<Room, Refusal> {
        let mut of_tenant = tenant.map(|tenant| TenantRoom::of(tenant, Quota::ResponseBytes));
        if let Some(of_tenant) = &mut of_tenant {
            of_tenant.grow_to(bytes)?;
        }
        let flow = Flow::new(Arc::clone(tenant.unwrap_or(&self.no_tenant)), "");
        Room::wait_for(&flow, bytes, &self.answers, of_tenant, MAX_WAIT_TO_READ).await
    }

    /// Reserves room for an answer that reports a change. The client has to learn of the change, so there is a reserve,
    /// the wait has no timeout, and the tenant's quota does not refuse it.
    pub(crate) async fn room_after_change(&self, tenant: &Arc<Tenant>, bytes: usize) -> Room {
        let of_tenant = || {
            let mut of_tenant = TenantRoom::of(tenant, Quota::ResponseBytes);
            of_tenant.count(bytes);
            Some(of_tenant)
        };
        let flow = Flow::new(Arc::clone(tenant), "");
        loop {
            if let Ok(room) = Room::wait_for(&flow, bytes, &self.answers, of_tenant(), MAX_WAIT_TO_READ).await {
                return room;
            }
            if let Ok(room) = Room::wait_for(&flow, bytes, &self.reserve, of_tenant(), Duration::from_secs(1)).await {
                return room;
            }
        }
    }
}

/// The bytes of an answer, with their room until they are written.
struct Budgeted {
    bytes: Bytes,
    _room: Room,
}

impl AsRef<[u8]> for Budgeted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Marks a response that already has room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IsBudgeted;

/// Reserves room for an answer until it is written, or refuses it. Streaming answers have no size and are not counted.
pub(crate) async fn limit_responses(State(budget): State<ResponseBudget>, request: Request, next: Next) -> Response {
    let only_reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let connection = request.extensions().get::<Arc<ConnectionTenant>>().cloned();
    let response = next.run(request).await;
    if response.extensions().get::<IsBudgeted>().is_some() {
        return response;
    }
    let size = response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
    let Some(size) = size.filter(|size| *size > SMALL) else { return response };
    let tenant = connection.and_then(|connection| connection.tenant());
    let mut room = Room::of(None, tenant.map(|tenant| TenantRoom::of(&tenant, Quota::ResponseBytes)));
    // A change is reported even without room, because a refusal would be wrong.
    if let Err(refusal) = room.grow_to(size, &budget.answers)
        && only_reads
    {
        return refusal.into_response();
    }
    let (parts, body) = response.into_parts();
    match body.collect().await {
        Ok(bytes) => {
            // hyper drops the body when it has the bytes, and the bytes when they are written.
            let budgeted = Budgeted { bytes: bytes.to_bytes(), _room: room };
            Response::from_parts(parts, Body::from(Bytes::from_owner(budgeted)))
        }
        Err(error) => Refusal::internal(&format!("cannot collect an answer: {error}")).into_response(),
    }
}
