//! The budget of large answers: limits the total size of all answers in transit to what the host can hold in memory,
//! however slowly the clients read them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;
use saggar_tenant::{FairSemaphore, Flow, Quota, Tenant};
use saggar_wire::Code;

use crate::connection_tenant::ConnectionTenant;
use crate::problem::Refusal;
use crate::room::{BLOCK, Room, TenantRoom};
use crate::shares::Shares;

/// Answers up to this size are not counted; the system buffers more for each connection.
pub(crate) const SMALL: usize = BLOCK;

/// Blocks of all large answers: 192 MiB, or 24 of the largest jobs. Including the memory that a store needs to read
/// them, this stays below the documented 256 MiB.
const MAX_BLOCKS: usize = 192 * 1024 * 1024 / BLOCK;

/// Blocks of large answers that a tenant gets in spite of its weight: enough for the largest page of a list.
const LEAST_BLOCKS: usize = MAX_BLOCKS / 16;

/// Blocks reserved for large answers that cannot be made later when the other room is full, such as those that report a
/// change: two of the largest jobs.
const RESERVED_BLOCKS: usize = 16 * 1024 * 1024 / BLOCK;

/// Maximum wait of a reader for room. A client that retries later finds room, because other answers have been written.
const MAX_WAIT_TO_READ: Duration = Duration::from_secs(5);

/// Room for the bytes of large answers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ResponseBudget {
    answers: FairSemaphore,
    reserve: FairSemaphore,
    /// Shares of `answers`: they are in use as long as clients read slowly, so one tenant must not get all of it.
    shares: Arc<Shares>,
    /// Who has the share of answers that no tenant is charged for.
    no_tenant: Arc<Tenant>,
}

impl ResponseBudget {
    pub(crate) fn new(among_tenants: bool) -> Self {
        // A block costs one.
        let (answers, reserve) = (FairSemaphore::new(MAX_BLOCKS, 1), FairSemaphore::new(RESERVED_BLOCKS, 1));
        let shares = Arc::new(Shares::new(usize::MAX, among_tenants, LEAST_BLOCKS));
        Self { answers, reserve, shares, no_tenant: Tenant::new("") }
    }

    /// Reserves room for an answer that `tenant` is charged for before it is read from the store. Callers wait until their
    /// tenant leaves enough room for others, so that many readers of large jobs are served in small groups; beyond the
    /// tenant's quota they are refused.
    pub(crate) async fn room_to_read(&self, tenant: Option<&Arc<Tenant>>, bytes: usize) -> Result<Room, Refusal> {
        let mut of_tenant = tenant.map(|tenant| TenantRoom::of(tenant, Quota::ResponseBytes));
        if let Some(of_tenant) = &mut of_tenant {
            of_tenant.grow_to(bytes)?;
        }
        let flow = self.flow(tenant);
        self.room(&flow, of_tenant).fill(&flow, bytes, &self.answers, MAX_WAIT_TO_READ).await
    }

    /// Reserves room for an answer that reports a change. The client has to learn of the change, so there is a reserve,
    /// the wait has no timeout, and the tenant's quota does not refuse it.
    pub(crate) async fn room_after_change(&self, tenant: Option<&Arc<Tenant>>, bytes: usize) -> Room {
        let of_tenant = || {
            let mut of_tenant = TenantRoom::of(tenant?, Quota::ResponseBytes);
            of_tenant.count(bytes);
            Some(of_tenant)
        };
        let flow = self.flow(tenant);
        loop {
            let room = self.room(&flow, of_tenant());
            if let Ok(room) = room.fill(&flow, bytes, &self.answers, MAX_WAIT_TO_READ).await {
                return room;
            }
            // Without a share: a tenant that holds the reserve has its share of the other room, so others find room there.
            let room = Room::of(None, of_tenant());
            if let Ok(room) = room.fill(&flow, bytes, &self.reserve, Duration::from_secs(1)).await {
                return room;
            }
        }
    }

    /// Reserves room for an answer that is in memory already. Does not wait, because the memory of answers that wait is not
    /// counted. If there is no room or others wait for it, the answer uses the reserve.
    fn room_at_once(&self, tenant: Option<&Arc<Tenant>>, bytes: usize) -> (Room, Result<(), Refusal>) {
        let of_tenant = tenant.map(|tenant| TenantRoom::of(tenant, Quota::ResponseBytes));
        let mut room = self.room(&self.flow(tenant), of_tenant);
        let mut grown = room.grow_to(bytes, &self.answers);
        if grown.as_ref().is_err_and(|refusal| refusal.code == Code::Overloaded) {
            grown = room.grow_to(bytes, &self.reserve);
        }
        (room, grown)
    }

    /// Creates an empty reservation from the share of a flow.
    fn room(&self, flow: &Flow, of_tenant: Option<TenantRoom>) -> Room {
        Room::of(Some(self.shares.of(flow.clone())), of_tenant)
    }

    fn flow(&self, tenant: Option<&Arc<Tenant>>) -> Flow {
        Flow::new(Arc::clone(tenant.unwrap_or(&self.no_tenant)), "")
    }
}

/// The bytes of an answer, with their room until they are written.
struct Budgeted {
    bytes: Bytes,
    _room: Arc<Room>,
}

impl AsRef<[u8]> for Budgeted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Marks a response that already has room, or needs none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IsBudgeted;

/// Returns an answer that was made in `room`. It keeps the part that it needs until it is written: if it released all of it
/// before, others could take it, and the answer would be refused after all.
pub(crate) fn with_room(answer: impl IntoResponse, room: Room) -> Response {
    let mut response = answer.into_response();
    response.extensions_mut().insert(Arc::new(room));
    response
}

/// Shrinks the room in which an answer was made to the size of the answer.
fn shrunk(mut room: Arc<Room>, bytes: usize) -> Arc<Room> {
    if let Some(room) = Arc::get_mut(&mut room) {
        room.shrink_to(bytes);
    }
    room
}

/// What the answer of a request may use of the budget.
pub(crate) struct Limit {
    budget: ResponseBudget,
    only_reads: bool,
    connection: Option<Arc<ConnectionTenant>>,
}

impl Limit {
    /// Returns the limit of the answer of `request`.
    pub(crate) fn of(request: &Request, budget: &ResponseBudget) -> Self {
        let only_reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let connection = request.extensions().get::<Arc<ConnectionTenant>>().cloned();
        Self { budget: budget.clone(), only_reads, connection }
    }
}

/// Reserves room for an answer until it is written, or refuses it. Streaming answers have no size and are not counted.
pub(crate) async fn limited(mut response: Response, limit: Limit) -> Response {
    if response.extensions().get::<IsBudgeted>().is_some() {
        return response;
    }
    let made_in = response.extensions_mut().remove::<Arc<Room>>();
    let size = response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
    let Some(size) = size.filter(|size| *size > SMALL) else { return response };
    let room = match made_in {
        Some(room) => shrunk(room, size),
        None => {
            let tenant = limit.connection.and_then(|connection| connection.tenant());
            let (room, reserved) = limit.budget.room_at_once(tenant.as_ref(), size);
            // A change is reported even without room, because a refusal would be wrong.
            if let Err(refusal) = reserved
                && limit.only_reads
            {
                return refusal.into_response();
            }
            Arc::new(room)
        }
    };
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

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt;

    use super::*;

    const LARGEST_JOB: usize = 8 << 20;

    #[tokio::test(start_paused = true)]
    async fn slow_readers_of_a_tenant_leave_room_for_others() {
        let budget = ResponseBudget::new(true);
        let (slow, other) = (Tenant::new("slow"), Tenant::new("other"));
        let mut taken = Vec::new();
        while let Ok(room) = budget.room_to_read(Some(&slow), LARGEST_JOB).await {
            taken.push(room);
        }
        assert_eq!(taken.len(), 12);
        let mut first = pin!(budget.room_to_read(Some(&slow), LARGEST_JOB));
        let mut second = pin!(budget.room_to_read(Some(&slow), BLOCK));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none(), "a small answer overtook a large one");
        let of_other = budget.room_to_read(Some(&other), LARGEST_JOB).now_or_never();
        assert!(of_other.is_some_and(|room| room.is_ok()));
        assert!(budget.room_to_read(None, LARGEST_JOB).now_or_never().is_some_and(|room| room.is_ok()));
        assert_eq!(budget.room_at_once(Some(&other), LARGEST_JOB).1, Ok(()));
        drop(taken.pop());
        taken.push(first.await.unwrap());
        assert!(second.await.is_err(), "the tenant has its share again");
        drop(taken);
        assert_eq!((budget.answers.free(), budget.reserve.free()), (MAX_BLOCKS, RESERVED_BLOCKS));
    }

    #[tokio::test(start_paused = true)]
    async fn changes_of_a_tenant_with_slow_readers_are_reported_with_the_reserve() {
        let budget = ResponseBudget::new(true);
        let (slow, other) = (Tenant::new("slow"), Tenant::new("other"));
        let mut taken = Vec::new();
        while let Ok(room) = budget.room_to_read(Some(&slow), LARGEST_JOB).await {
            taken.push(room);
        }
        for _ in 0..2 {
            taken.push(budget.room_after_change(Some(&slow), LARGEST_JOB).await);
        }
        assert_eq!(budget.reserve.free(), 0);
        assert!(budget.room_after_change(Some(&other), LARGEST_JOB).now_or_never().is_some());
    }

    #[tokio::test]
    async fn an_answer_keeps_only_the_room_that_it_needs_until_it_is_written() {
        let budget = ResponseBudget::new(true);
        let acme = Tenant::new("acme");
        let made = async || {
            let room = budget.room_to_read(Some(&acme), LARGEST_JOB).await.unwrap();
            with_room(vec![b'x'; 3 * BLOCK], room)
        };
        let mut response = made().await;
        assert_eq!(budget.answers.free(), MAX_BLOCKS - LARGEST_JOB / BLOCK);
        let room = response.extensions_mut().remove::<Arc<Room>>().map(|room| shrunk(room, 3 * BLOCK));
        assert_eq!(budget.answers.free(), MAX_BLOCKS - 3);
        assert_eq!(acme.level(Quota::ResponseBytes).used(), 3 * BLOCK as u64);
        drop(room);
        assert_eq!(budget.answers.free(), MAX_BLOCKS);
        drop(made().await);
        assert_eq!((budget.answers.free(), acme.level(Quota::ResponseBytes).used()), (MAX_BLOCKS, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_made_finds_room_while_others_wait() {
        let budget = ResponseBudget::new(false);
        let app = Tenant::new("default");
        let all = budget.room_to_read(Some(&app), MAX_BLOCKS * BLOCK).await.unwrap();
        assert!(budget.room_to_read(Some(&app), BLOCK).await.is_err());
        let (room, reserved) = budget.room_at_once(None, 1 << 20);
        assert_eq!((reserved, budget.reserve.free()), (Ok(()), RESERVED_BLOCKS - 16));
        drop((room, all));
        assert_eq!((budget.answers.free(), budget.reserve.free()), (MAX_BLOCKS, RESERVED_BLOCKS));
    }
}
