//! The recorder behind the `metrics` facade: counters and gauges by the Prometheus crate, histograms by our own.

use std::sync::Arc;

use anyhow::Context;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, SharedString, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use super::histogram::Histograms;
use super::{process, traces};

/// What all metrics of the process go to.
pub(super) struct Recorder {
    prometheus: PrometheusRecorder,
    histograms: Histograms,
}

/// Installs a recorder for the whole process and describes the metrics to it. There can be one only.
pub(super) fn install() -> anyhow::Result<Arc<Recorder>> {
    let prometheus = PrometheusBuilder::new().build_recorder();
    let recorder = Arc::new(Recorder { prometheus, histograms: Histograms::default() });
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
        let mut text = self.prometheus.handle().render();
        // Writing to a string does not fail.
        let _ = self.histograms.render(&mut text);
        text
    }
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.prometheus.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.prometheus.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, _: Option<Unit>, description: SharedString) {
        self.histograms.describe(key.as_str(), description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.prometheus.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.prometheus.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.histograms.of(key)
    }
}
