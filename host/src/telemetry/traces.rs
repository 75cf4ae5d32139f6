//! Exports spans to an OTLP collector over HTTP. A separate thread sends them in batches. If it falls behind or the
//! collector is down, spans are dropped, and jobs are not affected.

use std::fmt;
use std::time::{Duration, Instant};

use metrics::{counter, describe_counter};
use opentelemetry::KeyValue;
use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, Protocol, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter};
use parking_lot::Mutex;

/// Time limit of the last flush.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Failures of the collector are logged at most once in this time.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

const SPANS_LOST: &str = "saggar_spans_lost_total";

/// Describes the metrics of the exporter to the recorder.
pub(super) fn describe_metrics() {
    describe_counter!(SPANS_LOST, "Spans that could not be exported");
    counter!(SPANS_LOST).absolute(0);
}

/// The running exporter.
pub(super) struct TraceExporter(SdkTracerProvider);

impl TraceExporter {
    /// Starts to export traces to the collector at `address`. Samples the fraction `share` of the traces that start
    /// here.
    pub(super) fn start(address: &str, share: f64, service_name: &str) -> Result<Self, ExporterBuildError> {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(address)
            .build()?;
        let resource = Resource::builder()
            .with_service_name(service_name.to_owned())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share))))
            .with_resource(resource)
            .with_batch_exporter(ReportingExporter {
                exporter,
                address: address.to_owned(),
                last_report: Mutex::default(),
            })
            .build();
        Ok(Self(provider))
    }

    pub(super) fn tracer(&self) -> BoxedTracer {
        BoxedTracer::new(Box::new(self.0.tracer("saggar")))
    }

    /// Flushes the pending spans, and stops.
    pub(super) fn end(self) {
        if let Err(error) = self.0.shutdown_with_timeout(SHUTDOWN_TIMEOUT) {
            tracing::warn!(%error, "cannot export the last spans");
        }
    }
}

/// An exporter that logs its failures, at a limited rate.
struct ReportingExporter<E> {
    exporter: E,
    address: String,
    last_report: Mutex<LastReport>,
}

#[derive(Default)]
struct LastReport {
    at: Option<Instant>,
    /// Spans lost since the last log line.
    lost: usize,
}

impl<E> ReportingExporter<E> {
    fn report_failure(&self, spans: usize, error: &dyn fmt::Display) {
        counter!(SPANS_LOST).increment(spans as u64);
        let mut last_report = self.last_report.lock();
        last_report.lost += spans;
        if last_report.at.is_none_or(|at| at.elapsed() >= REPORT_INTERVAL) {
            let lost = std::mem::take(&mut last_report.lost);
            tracing::warn!(address = self.address, lost, %error, "cannot export spans; jobs are not affected");
            last_report.at = Some(Instant::now());
        }
    }
}

impl<E: SpanExporter> SpanExporter for ReportingExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let sent = self.exporter.export(batch).await;
        if let Err(error) = &sent {
            self.report_failure(spans, error);
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E> fmt::Debug for ReportingExporter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReportingExporter").field("address", &self.address).finish_non_exhaustive()
    }
}
