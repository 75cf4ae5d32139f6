//! Simulations of a fair queue: shares, waits, idle flows and memory, for any weights and costs.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::Tenant;

/// A tenant with a name of its own.
fn tenant(number: usize, weight: u32) -> Arc<Tenant> {
    let tenant = Tenant::new(format!("tenant {number}"));
    tenant.set_weight(weight);
    tenant
}

fn flows(tenant: &Arc<Tenant>, tasks: usize) -> Vec<Flow> {
    (0..tasks).map(|task| Flow::new(Arc::clone(tenant), format!("task {task}"))).collect()
}

/// Serves `steps` waiters, each of whom waits again at once; returns what each flow has got.
fn serve_all(queue: &mut FairQueue<usize>, flows: &[Flow], steps: usize, mut cost: impl FnMut() -> u64) -> Vec<u64> {
    let mut served = vec![0; flows.len()];
    for _ in 0..steps {
        let (flow, charge) = queue.pop(1).expect("all wait");
        let actual = cost();
        served[flow] += actual;
        queue.push(&flows[flow], flow);
        queue.correct(&charge, actual);
    }
    served
}

/// Returns how far the share of each tenant is from that of its weight, as a part of it, at most.
fn worst_deviation(served: &[u64], flows: &[Flow]) -> f64 {
    let mut of_tenant = BTreeMap::<Arc<str>, (u64, u32)>::new();
    for (flow, served) in flows.iter().zip(served) {
        let entry = of_tenant.entry(Arc::clone(flow.tenant().name())).or_insert((0, flow.tenant().weight()));
        entry.0 += served;
    }
    let (all, weights) =
        of_tenant.values().fold((0, 0), |(all, weights), (served, weight)| (all + served, weights + weight));
    let deviation = |(served, weight): &(u64, u32)| {
        let fair = all as f64 * f64::from(*weight) / f64::from(weights);
        (*served as f64 / fair - 1.0).abs()
    };
    of_tenant.values().map(deviation).fold(0.0, f64::max)
}

/// Ten seconds of slices of 2 ms on two threads: the shares of tenants are within 5 % of their weights, and those of the
/// tasks of a tenant are equal, however many tasks and waiters each has.
#[test]
fn shares_hold_within_five_percent_over_ten_seconds_of_slices() {
    let tenants = [tenant(0, 100), tenant(1, 200), tenant(2, 700), tenant(3, 25)];
    let flows: Vec<_> = tenants.iter().zip([1, 2, 1, 5]).flat_map(|(tenant, tasks)| flows(tenant, tasks)).collect();
    let mut queue = FairQueue::default();
    for (number, flow) in flows.iter().enumerate() {
        // The smallest tenant has the most waiters.
        let waiters = if flow.tenant().weight() == 25 { 200 } else { 2 };
        (0..waiters).for_each(|_| drop(queue.push(flow, number)));
    }
    let mut random = fastrand::Rng::with_seed(1);
    let slice = || random.u64(100_000..3_000_000);
    let served = serve_all(&mut queue, &flows, 10_000, slice);
    assert!(worst_deviation(&served, &flows) < 0.05, "{served:?}");
    let (first, second) = (served[1] as f64, served[2] as f64);
    assert!((first / second - 1.0).abs() < 0.05, "two tasks of one tenant: {first} and {second}");
}

#[test]
fn a_job_beside_two_hundred_computing_slots_of_another_task_gets_half_of_the_slices() {
    let tenant = tenant(0, 100);
    let flows = flows(&tenant, 2);
    let mut queue = FairQueue::default();
    (0..200).for_each(|_| drop(queue.push(&flows[0], 0)));
    queue.push(&flows[1], 1);
    let served = serve_all(&mut queue, &flows, 168, || 2);
    assert_eq!(served, [168, 168]);
}

#[test]
fn a_tenant_that_was_idle_has_saved_nothing_and_owes_nothing() {
    let tenants = [tenant(0, 100), tenant(1, 100)];
    let flows: Vec<_> = tenants.iter().flat_map(|tenant| flows(tenant, 1)).collect();
    let mut queue = FairQueue::default();
    (0..3).for_each(|_| drop(queue.push(&flows[0], 0)));
    serve_all(&mut queue, &flows, 1_000, || 5);
    (0..3).for_each(|_| drop(queue.push(&flows[1], 1)));
    let served = serve_all(&mut queue, &flows, 100, || 5);
    assert_eq!(served.iter().sum::<u64>(), 500);
    assert!(served.iter().all(|served| (245..=255).contains(served)), "{served:?}");
}

#[test]
fn a_weight_can_change_while_all_wait() {
    let tenants = [tenant(0, 100), tenant(1, 100)];
    let flows: Vec<_> = tenants.iter().flat_map(|tenant| flows(tenant, 1)).collect();
    let mut queue = FairQueue::default();
    flows.iter().enumerate().for_each(|(number, flow)| drop(queue.push(flow, number)));
    assert_eq!(serve_all(&mut queue, &flows, 200, || 1), [100, 100]);
    tenants[1].set_weight(300);
    let served = serve_all(&mut queue, &flows, 200, || 1);
    assert!(worst_deviation(&served, &flows) < 0.05, "{served:?}");
    tenants[0].set_weight(0);
    assert_eq!(tenants[0].weight(), 1);
    let served = serve_all(&mut queue, &flows, 301, || 1);
    assert!((1..=2).contains(&served[0]), "a tenant with the smallest weight starves: {served:?}");
}

/// What waits, and what a fair queue has to do with it.
#[derive(Debug, Clone)]
enum Step {
    Push(usize),
    Serve { estimate: u64, cost: u64 },
    GiveUp(usize),
    Weigh(usize, u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12_usize).prop_map(Step::Push),
        3 => (0..5_000_u64, 0..5_000_u64).prop_map(|(estimate, cost)| Step::Serve { estimate, cost }),
        1 => any::<usize>().prop_map(Step::GiveUp),
        1 => (0..4_usize, 1..10_000_u32).prop_map(|(tenant, weight)| Step::Weigh(tenant, weight)),
    ]
}

proptest! {
    /// Whatever happens, no waiter is lost or served twice, a flow is served in order, and what is stored is bounded.
    #[test]
    fn every_waiter_is_served_once_and_nothing_else_is_kept(steps in prop::collection::vec(step(), 0..300)) {
        let tenants: Vec<_> = (0..4).map(|number| tenant(number, 100)).collect();
        let flows: Vec<_> = tenants.iter().flat_map(|tenant| flows(tenant, 3)).collect();
        let mut queue = FairQueue::default();
        let mut waiting = Vec::<(usize, Ticket)>::new();
        for step in steps {
            match step {
                Step::Push(flow) => {
                    let number = queue.last_number + 1;
                    waiting.push((flow, queue.push(&flows[flow], (flow, number))));
                }
                Step::Serve { estimate, cost } => {
                    let next = queue.peek().copied();
                    let Some(((flow, number), charge)) = queue.pop(estimate) else {
                        prop_assert!(waiting.is_empty());
                        continue;
                    };
                    prop_assert_eq!(next, Some((flow, number)));
                    let first = waiting.iter().position(|(of, _)| *of == flow);
                    let (_, ticket) = waiting.remove(first.expect("a waiter was served that had left"));
                    prop_assert_eq!(ticket.number, number, "a flow is not served in order");
                    prop_assert!(queue.remove(&ticket).is_none());
                    queue.correct(&charge, cost);
                }
                Step::GiveUp(which) if !waiting.is_empty() => {
                    let (flow, ticket) = waiting.remove(which % waiting.len());
                    prop_assert_eq!(queue.remove(&ticket), Some((flow, ticket.number)));
                }
                Step::GiveUp(_) => {}
                Step::Weigh(tenant, weight) => tenants[tenant].set_weight(weight),
            }
            prop_assert_eq!(queue.len(), waiting.len());
            prop_assert!(queue.tenants.len() <= tenants.len());
        }
        while queue.pop(1).is_some() {
            waiting.pop();
        }
        prop_assert!(waiting.is_empty() && queue.is_empty() && queue.peek().is_none());
    }

    /// Flows that always wait: what two tenants get differs from their weights by one charge each at most.
    #[test]
    fn shares_differ_from_weights_by_one_charge_at_most(
        weights in prop::collection::vec(1..1_000_u32, 2..5),
        costs in prop::collection::vec(1..1_000_u64, 1..30),
    ) {
        let tenants: Vec<_> = weights.iter().enumerate().map(|(number, weight)| tenant(number, *weight)).collect();
        let flows: Vec<_> = tenants.iter().flat_map(|tenant| flows(tenant, 1)).collect();
        let mut queue = FairQueue::default();
        flows.iter().enumerate().for_each(|(number, flow)| drop(queue.push(flow, number)));
        let (mut at, max) = (0, costs.iter().max().copied().unwrap_or(1));
        let mut served = vec![0_u64; flows.len()];
        for _ in 0..2_000 {
            at = (at + 1) % costs.len();
            let (flow, _) = queue.pop(costs[at]).expect("all wait");
            served[flow] += costs[at];
            queue.push(&flows[flow], flow);
            for (of, other) in served.iter().enumerate() {
                for (to, one) in served.iter().enumerate() {
                    let (weight, against) = (u64::from(weights[of]), u64::from(weights[to]));
                    // served / weight, both multiplied with the two weights.
                    let ahead = (other * against).saturating_sub(one * weight);
                    prop_assert!(ahead <= max * (weight + against), "{served:?} with {weights:?}");
                }
            }
        }
    }

    /// A flow that comes is served after at most one charge of each that waits already, whatever those were charged before.
    #[test]
    fn a_newcomer_waits_for_one_charge_of_each_other_tenant(
        others in 1..20_usize,
        before in 0..2_000_usize,
        waiters in 1..50_usize,
    ) {
        let tenants: Vec<_> = (0..=others).map(|number| tenant(number, 100)).collect();
        let flows: Vec<_> = tenants.iter().flat_map(|tenant| flows(tenant, 1)).collect();
        let mut queue = FairQueue::default();
        for (number, flow) in flows.iter().enumerate().take(others) {
            (0..waiters).for_each(|_| drop(queue.push(flow, number)));
        }
        serve_all(&mut queue, &flows, before, || 7);
        queue.push(&flows[others], others);
        let mut waited = 0;
        while let Some((flow, _)) = queue.pop(7).filter(|(flow, _)| *flow != others) {
            queue.push(&flows[flow], flow);
            waited += 1;
        }
        prop_assert!(waited <= 2 * others, "{waited} were served before the newcomer, of {others} tenants");
    }
}
