//! What the honest tenants got, and whether that is their fair share.
//!
//! **Share.** All tenants have the same weight and the guests of all want to compute, so each tenant may compute for one part
//! in 25 of the time for which guests compute. That time is measured. Divided by the time of one job, the part is a number of
//! jobs per second. A tenant that wants less than its part must get all that it wants, so the fair share is the smaller one of
//! that number and of what the tenant reached alone. What hostile tenants make the host do outside of their guests (requests,
//! reloads) is bounded apart from that: guests together keep most of the time that they had without the hostile tenants.
//!
//! **Time of a job.** The clients of an honest tenant always have the same number of jobs in progress, so a tenant with a
//! fair share of a quarter of what it reached alone finishes a quarter of the jobs in each second, and each takes four times
//! as long on average. That is the cost of sharing fairly. So the time that 99 of 100 jobs take without the hostile tenants is
//! multiplied by this factor, and compared with the time beside them: what is beyond it is irregular, or unfair.
//!
//! **Noise.** The clients share the processors with the host. All figures of a tenant are medians over several windows, so a
//! disturbance of a few seconds does not count.

use std::time::Instant;

use super::apps::{HONEST, HOSTILE, honest};
use super::honest::{Finished, Measurements};
use super::usage::Phase;

/// An honest tenant finishes at least this part of its fair share of jobs.
const LEAST_SHARE: f64 = 0.9;

/// Guests together get at least this part of the time that they had without the hostile tenants.
const LEAST_FOR_GUESTS: f64 = 0.75;

/// 99 of 100 jobs take at most this many times as long as fair sharing costs.
const MOST_DELAY: f64 = 1.5;

/// Medians over the windows of a phase.
#[derive(Debug, Clone, Copy)]
struct Pace {
    jobs_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// What one honest tenant got.
struct TenantFigures {
    name: String,
    alone: Pace,
    beside: Pace,
    /// The fair number of jobs per second beside the hostile tenants.
    fair: f64,
}

/// The figures of the honest tenants, in both phases.
pub(super) struct Figures {
    tenants: Vec<TenantFigures>,
    /// How many processors guests used, and the host's process, in each phase.
    guests: [f64; 2],
    process: [f64; 2],
    /// The mean time for which a job computes beside the hostile tenants.
    job_ms: f64,
    /// An equal part of what guests used, in processors.
    part: f64,
    /// How many processors the guests of the hostile tenants used: the median tenant, and the one with most.
    hostile: [f64; 2],
}

impl Figures {
    /// Computes the figures. The host knows for how long guests have computed until `known_until`.
    pub(super) fn new(alone: &Phase, beside: &Phase, measured: &[Measurements], known_until: Instant) -> Self {
        let phases = [alone, beside];
        let [guests_alone, guests_beside] = phases.map(|phase| phase.guests(known_until));
        let guests = [&guests_alone, &guests_beside].map(|guests| guests.values().sum::<f64>());
        let sampled = measured.iter().flat_map(|tenant| &tenant.cpu_ms);
        let times: Vec<f64> = sampled.filter(|(at, _)| beside.contains(*at)).map(|(_, ms)| *ms).collect();
        assert!(!times.is_empty(), "the time of no job is known");
        let job_ms = times.iter().sum::<f64>() / times.len() as f64;
        let part = guests[1] / (HONEST + HOSTILE) as f64;
        let tenants = measured.iter().enumerate().map(|(number, tenant)| {
            let [alone, beside] = phases.map(|phase| Pace::of(phase, &tenant.finished));
            let fair = (part * 1_000.0 / job_ms).min(alone.jobs_per_second);
            TenantFigures { name: honest(number), alone, beside, fair }
        });
        let hostile = guests_beside.iter().filter(|(name, _)| name.starts_with("hostile")).map(|(_, used)| *used);
        let hostile = sorted(hostile);
        Self {
            tenants: tenants.collect(),
            guests,
            process: phases.map(Phase::process),
            job_ms,
            part,
            hostile: [percentile(&hostile, 0.5), percentile(&hostile, 1.0)],
        }
    }

    pub(super) fn print(&self) {
        let Self { tenants, guests, process, job_ms, part, hostile } = self;
        println!(
            "processors used alone: {:.2} by the host, {:.2} of them by guests; with the hostile tenants: {:.2} and {:.2}",
            process[0], guests[0], process[1], guests[1]
        );
        println!("guests of a hostile tenant used {:.3} processors (median; at most {:.3})", hostile[0], hostile[1]);
        println!("a job computes for {job_ms:.2} ms (mean); an equal part of what guests used is {part:.3} processors");
        for TenantFigures { name, alone, .. } in tenants {
            println!(
                "{name} alone: {:.1} jobs/s, p50 {:.1} ms, p99 {:.1} ms",
                alone.jobs_per_second, alone.p50_ms, alone.p99_ms
            );
        }
        for tenant in tenants {
            let TenantFigures { name, beside, fair, .. } = tenant;
            println!(
                "{name} beside: {:.1} jobs/s, {:.2} of its fair share of {fair:.1}; p50 {:.1} ms, p99 {:.1} ms, {:.2} of the \
                 {:.1} ms that fair sharing costs",
                beside.jobs_per_second,
                tenant.share(),
                beside.p50_ms,
                beside.p99_ms,
                tenant.delay(),
                tenant.fair_p99_ms(),
            );
        }
    }

    /// Returns what is unfair.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let for_guests = self.guests[1] / self.guests[0];
        let is_for_guests = for_guests >= LEAST_FOR_GUESTS;
        if !is_for_guests {
            problems.push(format!("guests got {for_guests:.3} of the time that they had alone"));
        }
        for tenant in &self.tenants {
            let (share, delay) = (tenant.share(), tenant.delay());
            // A figure that is not a number is a problem, too.
            let (has_share, is_prompt) = (share >= LEAST_SHARE, delay <= MOST_DELAY);
            if !has_share {
                problems.push(format!("{} got {share:.3} of its fair share", tenant.name));
            }
            if !is_prompt {
                problems.push(format!("jobs of {} took {delay:.3} times as long as fair sharing costs", tenant.name));
            }
        }
        problems
    }
}

impl TenantFigures {
    /// Returns the part of its fair share that it got.
    fn share(&self) -> f64 {
        self.beside.jobs_per_second / self.fair
    }

    /// Returns the time that 99 of 100 jobs would take beside tenants that only share fairly.
    fn fair_p99_ms(&self) -> f64 {
        self.alone.p99_ms * self.alone.jobs_per_second / self.fair
    }

    fn delay(&self) -> f64 {
        self.beside.p99_ms / self.fair_p99_ms()
    }
}

impl Pace {
    fn of(phase: &Phase, finished: &[Finished]) -> Self {
        let (mut rates, mut p50_ms, mut p99_ms) = (Vec::new(), Vec::new(), Vec::new());
        for (from, until) in phase.windows() {
            let within = finished.iter().filter(|job| from <= job.at && job.at < until);
            let took_ms = sorted(within.map(|job| job.took.as_secs_f64() * 1_000.0));
            rates.push(took_ms.len() as f64 / (until - from).as_secs_f64());
            p50_ms.push(percentile(&took_ms, 0.5));
            p99_ms.push(percentile(&took_ms, 0.99));
        }
        Self { jobs_per_second: median(rates), p50_ms: median(p50_ms), p99_ms: median(p99_ms) }
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(values: Vec<f64>) -> f64 {
    percentile(&sorted(values.into_iter()), 0.5)
}

/// Returns the smallest of these sorted values that this part of them does not exceed; infinity if there are none.
fn percentile(sorted: &[f64], part: f64) -> f64 {
    let at = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied().unwrap_or(f64::INFINITY)
}
