//! The recorder behind the `metrics` facade.

use std::sync::Arc;

use anyhow::Context;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, SharedString, Unit};

use super::histogram::Histograms;
use super::series::{AllSeries, Kind};
use super::{process, traces};

/// The recorder of all metrics of the process.
#[derive(Default)]
pub(super) struct Recorder {
    series: AllSeries,
    histograms: Histograms,
}

/// Installs the process-wide recorder and describes the metrics to it. Fails if one is already installed.
pub(super) fn install() -> anyhow::Result<Arc<Recorder>> {
    let recorder = Arc::new(Recorder::default());
    metrics::set_global_recorder(Arc::clone(&recorder)).context("a metrics recorder is already installed")?;
    saggar::describe_metrics();
    saggar_api::describe_metrics();
    traces::describe_metrics();
    process::begin();
    Ok(recorder)
}

impl Recorder {
    /// Renders all current metrics in the Prometheus text format.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
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
