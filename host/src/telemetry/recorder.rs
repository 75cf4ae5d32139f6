//! The recorder behind the `metrics` facade.

use std::sync::Arc;

use anyhow::Context;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, SharedString, Unit};

use super::histogram::Histograms;
use super::series::{AllSeries, Kind};
use super::{process, traces};

/// What all metrics of the process go to.
#[derive(Default)]
pub(super) struct Recorder {
    series: AllSeries,
    histograms: Histograms,
}

/// Installs a recorder for the whole process and describes the metrics to it. There can be one only.
pub(super) fn install() -> anyhow::Result<Arc<Recorder>> {
    let recorder = Arc::new(Recorder::default());
    metrics::set_global_recorder(Arc::clone(&recorder)).context("there is a recorder of metrics already")?;
    saggar::describe_metrics();
    saggar_api::describe_metrics();
    traces::describe_metrics();
    process::begin();
    Ok(recorder)
}

impl Recorder {
    /// All metrics as they are now, in the text format of Prometheus.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.series.render(&mut text);
        let _ = self.histograms.render(&mut text);
        text
    }
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, key: KeyName, _: Option<Unit>, description: SharedString) {
        self.series.describe(key.as_str(), Kind::Counter, description);
    }

    fn describe_gauge(&self, key: KeyName, _: Option<Unit>, description: SharedString) {
        self.series.describe(key.as_str(), Kind::Gauge, description);
    }

    fn describe_histogram(&self, key: KeyName, _: Option<Unit>, description: SharedString) {
        self.histograms.describe(key.as_str(), description);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.series.counter(key)
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.series.gauge(key)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.histograms.get_or_insert(key)
    }
}
