//! Histograms with fixed buckets. An observation costs two atomic additions to memory that few threads share. Nothing
//! is sorted or grows, even at several hundred thousand jobs per second.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use metrics::{HistogramFn, Key, SharedString};
use parking_lot::Mutex;

use super::series::escaped;

/// Upper bounds of durations in seconds, from a warm call of a small plugin to a batch job.
const SECONDS: [f64; BOUNDS] = [
    0.000_01, 0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0,
    600.0,
];

/// Upper bounds of counts.
const NUMBERS: [f64; BOUNDS] = [
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 2_048.0, 4_096.0, 8_192.0, 16_384.0, 32_768.0,
    65_536.0, 131_072.0,
];
const BOUNDS: usize = 18;

/// Shards of each histogram, so that threads seldom record into the same one: more than the threads of most hosts.
const SHARDS: usize = 8;

/// All histograms of a process.
#[derive(Default)]
pub(super) struct Histograms(Mutex<Registry>);

#[derive(Default)]
struct Registry {
    by_key: BTreeMap<Key, Arc<Histogram>>,
    descriptions: BTreeMap<String, SharedString>,
}

struct Histogram {
    bounds: &'static [f64; BOUNDS],
    shards: [Shard; SHARDS],
}

/// The counts of some threads. Aligned so that shards do not share cache lines.
#[derive(Default)]
#[repr(align(128))]
struct Shard {
    /// One bucket for each bound, and one for values above all bounds.
    buckets: [AtomicU64; BOUNDS + 1],
    /// The bits of a float.
    sum: AtomicU64,
}

thread_local! {
    static SHARD: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed) % SHARDS
    };
}

impl HistogramFn for Histogram {
    fn record(&self, value: f64) {
        if !value.is_finite() {
            return;
        }
        let shard = &self.shards[SHARD.with(|shard| *shard)];
        shard.buckets[self.bounds.partition_point(|bound| value > *bound)].fetch_add(1, Ordering::Relaxed);
        let add = |sum| Some((f64::from_bits(sum) + value).to_bits());
        // Cannot fail, because `add` always returns a value.
        let _ = shard.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

impl Histogram {
    fn new(name: &str) -> Self {
        let bounds = if name.ends_with("_seconds") { &SECONDS } else { &NUMBERS };
        Self { bounds, shards: Default::default() }
    }

    fn render(&self, name: &str, labels: &str, text: &mut String) -> std::fmt::Result {
        let comma = if labels.is_empty() { "" } else { "," };
        // Identical on every line except for the bound.
        let head = format!("{name}_bucket{{{labels}{comma}le=\"");
        let mut count = 0;
        for at in 0..=BOUNDS {
            count += self.shards.iter().map(|shard| shard.buckets[at].load(Ordering::Relaxed)).sum::<u64>();
            text.push_str(&head);
            match self.bounds.get(at) {
                Some(bound) => writeln!(text, "{bound}\"}} {count}")?,
                None => writeln!(text, "+Inf\"}} {count}")?,
            }
        }
        let sum: f64 = self.shards.iter().map(|shard| f64::from_bits(shard.sum.load(Ordering::Relaxed))).sum();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        writeln!(text, "{name}_sum{labels} {sum}")?;
        writeln!(text, "{name}_count{labels} {count}")
    }
}

impl Histograms {
    pub(super) fn describe(&self, name: &str, description: SharedString) {
        self.0.lock().descriptions.insert(name.to_owned(), description);
    }

    /// Returns the histogram of `key`; creates it on first use.
    pub(super) fn get_or_insert(&self, key: &Key) -> metrics::Histogram {
        let mut registry = self.0.lock();
        let histogram =
            registry.by_key.entry(key.to_retained()).or_insert_with(|| Arc::new(Histogram::new(key.name())));
        metrics::Histogram::from_arc(Arc::clone(histogram))
    }

    /// Appends all histograms in the Prometheus text format.
    pub(super) fn render(&self, text: &mut String) -> std::fmt::Result {
        let registry = self.0.lock();
        let mut last = "";
        // Sorted by name, so that the series of one name are adjacent.
        for (key, histogram) in &registry.by_key {
            if key.name() != last {
                last = key.name();
                if let Some(description) = registry.descriptions.get(last) {
                    writeln!(text, "# HELP {last} {}", escaped(description))?;
                }
                writeln!(text, "# TYPE {last} histogram")?;
            }
            let labels: Vec<_> =
                key.labels().map(|label| format!("{}=\"{}\"", label.key(), escaped(label.value()))).collect();
            histogram.render(last, &labels.join(","), text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_in_the_first_bucket_whose_bound_it_does_not_exceed() {
        let histograms = Histograms::default();
        histograms.describe("wait_seconds", "Waits".into());
        let key = Key::from_parts("wait_seconds", vec![metrics::Label::new("task", "a\"b")]);
        let histogram = histograms.get_or_insert(&key);
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| [0.001, 0.0011, 0.5, 7_000.0, f64::NAN].map(|value| histogram.record(value)));
            }
        });
        histograms.get_or_insert(&Key::from_name("batch_steps")).record(3.0);
        let mut text = String::new();
        histograms.render(&mut text).unwrap();
        let expected = [
            "# HELP wait_seconds Waits",
            "# TYPE wait_seconds histogram",
            "wait_seconds_bucket{task=\"a\\\"b\",le=\"0.0005\"} 0",
            "wait_seconds_bucket{task=\"a\\\"b\",le=\"0.001\"} 4",
            "wait_seconds_bucket{task=\"a\\\"b\",le=\"0.0025\"} 8",
            "wait_seconds_bucket{task=\"a\\\"b\",le=\"600\"} 12",
            "wait_seconds_bucket{task=\"a\\\"b\",le=\"+Inf\"} 16",
            "wait_seconds_count{task=\"a\\\"b\"} 16",
            "# TYPE batch_steps histogram",
            "batch_steps_bucket{le=\"2\"} 0",
            "batch_steps_bucket{le=\"4\"} 1",
            "batch_steps_sum 3",
        ];
        for line in expected {
            assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
        }
    }
}
