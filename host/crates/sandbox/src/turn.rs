//! Turns: computing guests share the threads by weight between tenants, then between tasks, and short calls do not wait
//! behind all of them.
//!
//! There are as many turns as threads, and each is for one slice, at most one tick of the epoch. A guest whose slice is
//! over asks for the next turn before it releases the last one, so all that compute are compared, and is charged the
//! time that the slice took. A guest with a turn goes to the back of the thread's queue before it runs. So every
//! guest that became ready meanwhile has asked, too, and the thread has looked at its timers and sockets.
//!
//! The first slice of a call, and one after a wait in the host, need no turn while no guest waits for one, one tenant
//! computes alone, and these slices are short: most calls end in the first one, and pay two loads of shared variables. Once
//! two tenants compute, every slice needs a turn, so that a thousand slots with short jobs get no more than their tenant's
//! share. The same holds for a short time after a long slice without a turn, because many of them would hold up all other
//! calls.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use saggar_tenant::{FairPermit, FairSemaphore, Flow};

/// Permit to run one slice.
type Turn = FairPermit;

/// A first slice that is interrupted after this time is long. A thousand such slices take a tenth of a second.
const LONG: Duration = Duration::from_micros(200);

/// How long every slice needs a turn after a long first slice: a few ticks.
const CROWDED: Duration = Duration::from_millis(10);

/// A tenant counts as computing for this time after it has asked for a turn, or whether it needs one.
const ACTIVE: Duration = Duration::from_millis(100);

/// How often tenants that have stopped computing are forgotten.
const FORGET: Duration = Duration::from_millis(10);

/// The value of [`SharedTurns::exempt`] for no tenant.
const NOBODY: usize = 0;

/// The turns of an engine. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<SharedTurns>);

#[derive(Debug)]
struct SharedTurns {
    permits: FairSemaphore,
    /// The tenant whose first slices need no turn, by its address.
    exempt: AtomicUsize,
    active: Mutex<Active>,
}

/// The tenants that compute.
#[derive(Debug, Default)]
struct Active {
    /// When each last asked for a turn, or whether it needs one, by address. A reused address only makes a tenant look active.
    tenants: HashMap<usize, Instant>,
    forgotten_at: Option<Instant>,
    crowded_until: Option<Instant>,
}

impl Turns {
    /// Creates as many turns as threads run guests. `tick` is the length of a slice.
    pub(crate) fn new(threads: usize, tick: Duration) -> Self {
        let permits = FairSemaphore::by_time(threads, tick);
        Self(Arc::new(SharedTurns { permits, exempt: AtomicUsize::new(NOBODY), active: Mutex::default() }))
    }

    /// Returns whether the first slice of a call, or one after a wait in the host, needs a turn. Notes that the tenant
    /// computes.
    fn needs_turn(&self, flow: &Flow) -> bool {
        let tenant = address(flow);
        if self.0.exempt.load(Ordering::Relaxed) == tenant {
            // Short calls of one task would overtake the long ones of another.
            return self.0.permits.is_waited_for();
        }
        let mut active = self.0.active.lock();
        let now = Instant::now();
        let exempt = self.0.exempt.load(Ordering::Relaxed);
        if exempt != NOBODY {
            // Its calls were not seen.
            active.tenants.insert(exempt, now);
        }
        let is_exempt = active.is_alone(tenant, now) && active.crowded_until.is_none_or(|until| now >= until);
        self.0.exempt.store(if is_exempt { tenant } else { NOBODY }, Ordering::Relaxed);
        !is_exempt || self.0.permits.is_waited_for()
    }

    /// Makes every slice need a turn for a moment.
    fn crowd(&self) {
        let mut active = self.0.active.lock();
        let exempt = self.0.exempt.swap(NOBODY, Ordering::Relaxed);
        let now = Instant::now();
        if exempt != NOBODY {
            active.tenants.insert(exempt, now);
        }
        active.crowded_until = Some(now + CROWDED);
    }

    /// Waits for a turn. Always lets others run first.
    async fn wait(self, flow: Flow) -> Turn {
        // A tenant with nothing but long computations has to be noted, too.
        self.needs_turn(&flow);
        let turn = self.0.permits.acquire(&flow, 1).await;
        // tokio puts a woken task at the front of the thread's queue. Yielding moves it to the back.
        tokio::task::yield_now().await;
        turn
    }
}

impl Active {
    /// Notes that a call of `tenant` begins; returns whether no other tenant computes.
    fn is_alone(&mut self, tenant: usize, now: Instant) -> bool {
        self.tenants.insert(tenant, now);
        if self.tenants.len() > 1 && self.forgotten_at.is_none_or(|at| now.duration_since(at) >= FORGET) {
            self.tenants.retain(|_, last| now.duration_since(*last) < ACTIVE);
            self.forgotten_at = Some(now);
        }
        self.tenants.len() == 1
    }
}

fn address(flow: &Flow) -> usize {
    Arc::as_ptr(flow.tenant()).addr()
}

/// The slices of an instance, as its guest and the one that drives its calls see them. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Slices(Arc<SharedSlices>);

#[derive(Debug)]
struct SharedSlices {
    turns: Turns,
    flow: Flow,
    /// Set by the guest when its slice is over, and cleared by [`CallTurns`].
    is_over: AtomicBool,
    /// Whether the guest is in a function of the host that may have turns of its own.
    in_host: AtomicBool,
}

impl Slices {
    /// Creates the slices of an instance whose time is charged to `flow`.
    pub(crate) fn new(turns: Turns, flow: Flow) -> Self {
        Self(Arc::new(SharedSlices { turns, flow, is_over: AtomicBool::new(false), in_host: AtomicBool::new(false) }))
    }

    /// Ends the slice. The guest continues when it is polled again, for which [`CallTurns`] waits for a turn.
    pub(crate) fn end(&self) -> impl Future<Output = ()> + Send + use<> {
        let (slices, mut is_polled) = (self.clone(), false);
        poll_fn(move |_| {
            if std::mem::replace(&mut is_polled, true) {
                return Poll::Ready(());
            }
            slices.0.is_over.store(true, Ordering::Relaxed);
            Poll::Pending
        })
    }

    /// Runs a function of the host that may call other guests, or wait for a place that others want, too. Meanwhile the
    /// call needs no turn: if it waited for one, it would keep those that were granted inside of the function. If the
    /// function had to wait, the guest continues with a turn.
    pub(crate) async fn in_host<T>(&self, call: impl Future<Output = T>) -> T {
        self.0.in_host.store(true, Ordering::Relaxed);
        let (mut call, mut waited) = (pin!(call), false);
        let result = poll_fn(|cx| {
            let poll = call.as_mut().poll(cx);
            waited |= poll.is_pending();
            poll
        });
        let result = result.await;
        self.0.in_host.store(false, Ordering::Relaxed);
        if waited && self.needs_turn() {
            self.end().await;
        }
        result
    }

    fn needs_turn(&self) -> bool {
        self.0.turns.needs_turn(&self.0.flow)
    }
}

/// The turns of one call.
pub(crate) struct CallTurns {
    slices: Slices,
    /// The turn of the slice that runs, or that is about to.
    held: Option<Turn>,
    /// Boxed, because most calls never wait.
    waiting: Option<Pin<Box<dyn Future<Output = Turn> + Send>>>,
}

impl CallTurns {
    /// Creates the turns of a call in an instance with these slices.
    pub(crate) fn new(slices: Slices) -> Self {
        Self { slices, held: None, waiting: None }
    }

    /// Returns whether the next slice must wait for a turn.
    pub(crate) fn must_wait(&self) -> bool {
        let needs_turn = || !self.slices.0.in_host.load(Ordering::Relaxed) && self.slices.needs_turn();
        self.waiting.is_some() || (self.held.is_none() && needs_turn())
    }

    /// Waits for the turn of the next slice.
    pub(crate) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.held.is_none() {
            self.held = Some(ready!(self.poll_waiting(cx)));
        }
        Poll::Ready(())
    }

    /// Ends a slice that took this time until `ended`, which is now.
    pub(crate) fn end_slice(&mut self, took: Duration, ended: Instant, cx: &mut Context<'_>) {
        let mut next = None;
        let SharedSlices { turns, is_over, flow, .. } = &*self.slices.0;
        // With each slice, because a call that is dropped has computed, too.
        flow.tenant().count_cpu(took, ended);
        if is_over.load(Ordering::Relaxed) {
            is_over.store(false, Ordering::Relaxed);
            if self.held.is_none() && took >= LONG {
                turns.crowd();
            }
            // Before the turn is released, so that this guest competes for it.
            if let Poll::Ready(turn) = self.poll_waiting(cx) {
                next = Some(turn);
            }
        }
        if let Some(turn) = &mut self.held {
            turn.set_time(took);
        }
        self.held = next;
    }

    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        let SharedSlices { turns, flow, .. } = &*self.slices.0;
        let wait = || Box::pin(turns.clone().wait(flow.clone())) as _;
        let turn = ready!(self.waiting.get_or_insert_with(wait).as_mut().poll(cx));
        self.waiting = None;
        Poll::Ready(turn)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use saggar_tenant::Tenant;

    use super::*;

    const TICK: Duration = Duration::from_millis(2);

    fn flow(tenant: &Arc<Tenant>, task: &str) -> Flow {
        Flow::new(Arc::clone(tenant), task)
    }

    fn turns_of(turns: &Turns, flow: &Flow) -> CallTurns {
        CallTurns::new(Slices::new(turns.clone(), flow.clone()))
    }

    /// Makes all slices need turns until the end of the test.
    fn keep_crowded(turns: &Turns) {
        turns.crowd();
        turns.0.active.lock().crowded_until = Some(Instant::now() + Duration::from_secs(3_600));
    }

    #[test]
    fn first_slices_need_turns_once_two_tenants_compute() {
        let turns = Turns::new(2, TICK);
        let (a, b) = (Tenant::new("a"), Tenant::new("b"));
        let (of_a, other_of_a, of_b) = (flow(&a, "it"), flow(&a, "other"), flow(&b, "it"));
        assert!(!turns.needs_turn(&of_a) && !turns.needs_turn(&other_of_a));
        assert!(turns.needs_turn(&of_b) && turns.needs_turn(&of_a));
        // A guest of `b` that computes for long asks for turns, and for nothing else.
        turns.0.exempt.store(address(&of_a), Ordering::Relaxed);
        assert!(turns.clone().wait(of_b.clone()).now_or_never().is_none());
        assert!(turns.needs_turn(&of_a), "the calls of a tenant overtake the long computations of another one");
        let long_ago = Instant::now().checked_sub(2 * ACTIVE).unwrap();
        {
            let mut active = turns.0.active.lock();
            active.tenants.insert(address(&of_b), long_ago);
            active.forgotten_at = None;
        }
        assert!(!turns.needs_turn(&of_a), "a tenant that has stopped computing costs the other one turns");
    }

    #[test]
    fn a_call_needs_a_turn_while_long_computations_of_its_tenant_wait_for_one() {
        let turns = Turns::new(1, TICK);
        let flow = flow(&Tenant::new("a"), "it");
        assert!(!turns.needs_turn(&flow));
        let held = turns.0.permits.try_acquire(1);
        let mut waiting = Box::pin(turns.clone().wait(flow.clone()));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(turns.needs_turn(&flow));
        drop((held, waiting));
        assert!(!turns.needs_turn(&flow));
    }

    #[test]
    fn a_long_first_slice_makes_all_slices_need_turns_for_a_moment() {
        let turns = Turns::new(2, TICK);
        let flow = flow(&Tenant::new("a"), "it");
        let mut call = turns_of(&turns, &flow);
        assert!(!call.must_wait());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        call.end_slice(10 * LONG, Instant::now(), &mut cx);
        assert!(!turns.needs_turn(&flow), "a call that is not interrupted is charged");
        assert!(call.slices.end().now_or_never().is_none());
        call.end_slice(LONG, Instant::now(), &mut cx);
        assert!(call.must_wait() && turns.0.active.lock().crowded_until.is_some());
        keep_crowded(&turns);
        assert!(turns.needs_turn(&flow));
        turns.0.active.lock().crowded_until = Some(Instant::now());
        assert!(!turns.needs_turn(&flow));
    }

    /// If it waited for a turn meanwhile, it would keep the one of the nested call, and two such guests would wait for
    /// each other for ever.
    #[tokio::test]
    async fn a_guest_in_a_function_of_the_host_needs_no_turn_until_it_continues() {
        let turns = Turns::new(1, TICK);
        let flow = flow(&Tenant::new("a"), "it");
        let outer = turns_of(&turns, &flow);
        keep_crowded(&turns);
        assert!(outer.must_wait());
        let slices = outer.slices.clone();
        let mut nested = Box::pin(slices.in_host(async {
            let mut nested = turns_of(&turns, &flow);
            poll_fn(|cx| nested.poll_turn(cx)).await;
        }));
        assert!(nested.as_mut().now_or_never().is_none() && !outer.must_wait(), "the nested call waits, not the outer");
        assert!(nested.as_mut().now_or_never().is_none(), "the outer guest continues without a turn");
        assert!(outer.must_wait() && outer.slices.0.is_over.load(Ordering::Relaxed));
        assert!(nested.now_or_never().is_some());
    }

    /// Plays slices of guests on one thread; each guest computes without end. Returns how many slices each got.
    async fn play(turns: &Turns, flows: &[Flow], slices: usize, took: impl Fn(usize) -> Duration) -> Vec<usize> {
        let mut calls: Vec<_> = flows.iter().map(|flow| turns_of(turns, flow)).collect();
        let mut counts = vec![0; flows.len()];
        while counts.iter().sum::<usize>() < slices {
            for (at, call) in calls.iter_mut().enumerate() {
                let may_run = !call.must_wait() || poll_fn(|cx| Poll::Ready(call.poll_turn(cx).is_ready())).await;
                if !may_run {
                    continue;
                }
                // Slices without a turn are not charged, and do not count.
                counts[at] += usize::from(call.held.is_some());
                assert!(call.slices.end().now_or_never().is_none());
                poll_fn(|cx| {
                    call.end_slice(took(at), Instant::now(), cx);
                    Poll::Ready(())
                })
                .await;
            }
            // Otherwise tokio would let the futures of this task make no more progress.
            tokio::task::yield_now().await;
        }
        counts
    }

    #[tokio::test]
    async fn slices_go_by_weight_between_tenants_and_equally_between_tasks() {
        let turns = Turns::new(1, TICK);
        let (a, b) = (Tenant::new("a"), Tenant::new("b"));
        b.set_weight(300);
        let mut flows = vec![flow(&a, "many"); 20];
        flows.extend([flow(&a, "one"), flow(&b, "it")]);
        let counts = play(&turns, &flows, 800, |_| TICK).await;
        let many: usize = counts[..20].iter().sum();
        assert!(
            many.abs_diff(100) <= 5 && counts[20].abs_diff(100) <= 5 && counts[21].abs_diff(600) <= 5,
            "{counts:?}"
        );
    }

    #[tokio::test]
    async fn time_counts_and_not_the_number_of_slices() {
        let turns = Turns::new(1, TICK);
        let flows = [flow(&Tenant::new("a"), "it"), flow(&Tenant::new("b"), "it")];
        let counts = play(&turns, &flows, 400, |at| if at == 0 { TICK } else { TICK / 3 }).await;
        assert!(counts[0].abs_diff(100) <= 5 && counts[1].abs_diff(300) <= 5, "{counts:?}");
    }

    /// What took 8.7 s beside 200 slots of another task: a job of 84 slices.
    #[tokio::test]
    async fn a_job_beside_two_hundred_computing_slots_waits_for_one_slice_of_them_at_a_time() {
        let turns = Turns::new(2, TICK);
        let tenant = Tenant::new("a");
        let mut flows = vec![flow(&tenant, "spin"); 200];
        flows.push(flow(&tenant, "job"));
        let counts = play(&turns, &flows, 168, |_| TICK).await;
        let (of_job, of_others) = (counts[200], counts[..200].iter().sum::<usize>());
        // One slice on each of the two threads.
        assert!(of_others <= 2 * of_job + 4, "{counts:?}");
    }
}
