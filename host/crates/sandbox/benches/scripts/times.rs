//! Times of calls, in rounds.

use std::fmt;
use std::time::{Duration, Instant};

/// The times of one variant.
#[derive(Debug, Default)]
pub(crate) struct Times {
    /// The median of each round.
    rounds: Vec<Duration>,
    all: Vec<Duration>,
}

impl Times {
    /// Makes so many calls.
    pub(crate) async fn round(
        &mut self,
        count: usize,
        mut call: impl AsyncFnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            let began = Instant::now();
            call().await?;
            times.push(began.elapsed());
        }
        self.rounds.push(median(&times));
        self.all.extend(times);
        Ok(())
    }

    /// Returns how many times as long as the other one it takes: the median of the rounds' ratios, and what four of five
    /// rounds lie between.
    pub(crate) fn ratio(&self, other: &Self) -> String {
        let pairs = self.rounds.iter().zip(&other.rounds);
        let mut ratios: Vec<f64> = pairs.map(|(one, other)| one.as_secs_f64() / other.as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        let at = |part: usize| ratios[(ratios.len() - 1) * part / 10];
        format!("{:.2} ({:.2} to {:.2})", at(5), at(1), at(9))
    }
}

impl fmt::Display for Times {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let minimum = self.all.iter().min().copied().unwrap_or_default();
        write!(formatter, "{:6.1} {:6.1}", micros(minimum), micros(median(&self.all)))
    }
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
