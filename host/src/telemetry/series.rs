//! Counters and gauges, and their text format. A series is one number. Its labels are formatted once, and rendering
//! appends them to the text without other copies, because a host with thousands of tasks has a hundred thousand series.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Counter, Gauge, Key, SharedString};
use parking_lot::Mutex;

/// All counters and gauges of a process.
#[derive(Default)]
pub(super) struct AllSeries(Mutex<BTreeMap<String, Family>>);

/// The series of one name.
struct Family {
    kind: Kind,
    description: Option<SharedString>,
    /// The values by their labels, which are in the text format, with braces.
    values: BTreeMap<Box<str>, Arc<AtomicU64>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    /// Its value is stored as the bits of a float.
    Gauge,
}

impl AllSeries {
    pub(super) fn describe(&self, name: &str, kind: Kind, description: SharedString) {
        let mut families = self.0.lock();
        let family = families.entry(name.to_owned()).or_insert_with(|| Family::new(kind));
        (family.kind, family.description) = (kind, Some(description));
    }

    pub(super) fn counter(&self, key: &Key) -> Counter {
        Counter::from_arc(self.value(key, Kind::Counter))
    }

    pub(super) fn gauge(&self, key: &Key) -> Gauge {
        Gauge::from_arc(self.value(key, Kind::Gauge))
    }

    /// Returns the value of `key`; creates it on first use.
    fn value(&self, key: &Key, kind: Kind) -> Arc<AtomicU64> {
        let labels = labels(key);
        let mut families = self.0.lock();
        if !families.contains_key(key.name()) {
            families.insert(key.name().to_owned(), Family::new(kind));
        }
        match families.get_mut(key.name()) {
            Some(family) => Arc::clone(family.values.entry(labels.into()).or_default()),
            None => Arc::default(),
        }
    }

    /// Appends all series in the Prometheus text format.
    pub(super) fn render(&self, text: &mut String) -> std::fmt::Result {
        for (name, Family { kind, description, values }) in &*self.0.lock() {
            if values.is_empty() {
                continue;
            }
            if let Some(description) = description {
                writeln!(text, "# HELP {name} {}", escaped(description))?;
            }
            writeln!(text, "# TYPE {name} {}", if *kind == Kind::Counter { "counter" } else { "gauge" })?;
            for (labels, value) in values {
                text.push_str(name);
                text.push_str(labels);
                text.push(' ');
                let value = value.load(Ordering::Relaxed);
                match kind {
                    Kind::Counter => writeln!(text, "{value}")?,
                    Kind::Gauge if f64::from_bits(value) == f64::INFINITY => writeln!(text, "+Inf")?,
                    Kind::Gauge => writeln!(text, "{}", f64::from_bits(value))?,
                }
            }
        }
        Ok(())
    }
}

impl Family {
    fn new(kind: Kind) -> Self {
        Self { kind, description: None, values: BTreeMap::new() }
    }
}

/// Formats the labels of `key`, with braces; empty without labels.
fn labels(key: &Key) -> String {
    let labels: Vec<_> = key.labels().map(|label| format!("{}=\"{}\"", label.key(), escaped(label.value()))).collect();
    if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) }
}

/// Escapes text for use within quotes.
pub(super) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use metrics::Label;

    use super::*;

    #[test]
    fn each_series_is_one_line_below_its_name() {
        let series = AllSeries::default();
        series.describe("jobs_total", Kind::Counter, "Jobs\nby task".into());
        series.describe("never_used", Kind::Gauge, "Nothing".into());
        let key = |task: &'static str| Key::from_parts("jobs_total", vec![Label::new("task", task)]);
        series.counter(&key("b")).increment(2);
        series.counter(&key("a\"\\")).absolute(7);
        series.counter(&key("b")).increment(1);
        series.gauge(&Key::from_name("age_seconds")).set(1.5);
        let mut text = String::new();
        series.render(&mut text).unwrap();
        let expected = "# TYPE age_seconds gauge\nage_seconds 1.5\n# HELP jobs_total Jobs\\nby task\n# TYPE jobs_total counter\n\
                        jobs_total{task=\"a\\\"\\\\\"} 7\njobs_total{task=\"b\"} 3\n";
        assert_eq!(text, expected);
    }
}
