//! Telemetry of this process: its log, metrics and traces. The binary sets them up once. The library uses the facades
//! `tracing`, `metrics` and `opentelemetry`, and does not depend on where they send data.

mod colors;
mod histogram;
mod log;
mod process;
mod rate_limit;
mod recorder;
mod series;
mod traces;

use std::sync::Arc;

use anyhow::Context;
use opentelemetry::global::BoxedTracer;
use saggar::{Diagnostic, Severity};

use crate::cli::Command;
use crate::config::{Config, Endpoint, Loaded, LogFormat, Variables};
use crate::problems;
pub(crate) use colors::apply_no_color;
use rate_limit::RateLimit;
use recorder::Recorder;
use traces::TraceExporter;

/// The log target of problems with an app or its configuration.
const PROBLEMS: &str = "saggar::problems";

/// The log target of the audit.
const AUDIT: &str = "saggar::audit";

/// Reports the errors of an invalid configuration, in its own log format if that is valid.
pub(crate) fn report_config_problems(configuration: &Loaded, variables: &Variables) {
    let Config { log_level, log_format, .. } = &configuration.config;
    log::start(log_level, *log_format, variables);
    log_problems(*log_format, &configuration.problems);
}

fn log_problems(format: LogFormat, problems: &[Diagnostic]) {
    if matches!(format, LogFormat::Text) {
        return problems::print(problems);
    }
    for problem in problems {
        let text = problem.render(false);
        match problem.severity {
            Severity::Error => tracing::error!(target: PROBLEMS, problem = text, "problem found"),
            Severity::Warning => tracing::warn!(target: PROBLEMS, problem = text, "problem found"),
        }
    }
}

/// Returns the filter of the log. Entries of the audit pass it if they are wanted.
fn level(config: &Config) -> String {
    match config.audit_log {
        true => format!("{},{AUDIT}=info", config.log_level),
        false => config.log_level.clone(),
    }
}

/// The running telemetry.
pub(crate) struct Telemetry {
    log_format: LogFormat,
    limit: RateLimit,
    recorder: Option<Arc<Recorder>>,
    traces: Option<TraceExporter>,
}

impl Telemetry {
    /// Starts the log, and the metrics and traces that the command needs. Call it once, before other threads start.
    pub(crate) fn start(command: &Command, config: &Config, variables: &Variables) -> anyhow::Result<Self> {
        let limit = log::start(&level(config), config.log_format, variables);
        // Later TLS connections use this provider. Only a second call can fail, and this is the only one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let recorder = if command.is_service() { Some(recorder::install()?) } else { None };
        let traces = match &config.otlp_endpoint {
            Some(Endpoint { address, .. }) => {
                let exporting = TraceExporter::start(address, config.otlp_sample, &config.otlp_service_name);
                Some(exporting.with_context(|| format!("cannot export traces to `{address}`"))?)
            }
            None => None,
        };
        Ok(Self { log_format: config.log_format, limit, recorder, traces })
    }

    /// Reports problems of an app or its configuration: as text with the source line, or as one log line each in JSON.
    pub(crate) fn problems(&self, problems: &[Diagnostic]) {
        log_problems(self.log_format, problems);
    }

    /// Returns a function that reports later problems, from any thread.
    pub(crate) fn problem_report(&self) -> impl Fn(&[Diagnostic]) + Send + Sync + 'static {
        let format = self.log_format;
        move |problems| log_problems(format, problems)
    }

    /// Reports why the command fails.
    pub(crate) fn failure(&self, error: &anyhow::Error) {
        match self.log_format {
            LogFormat::Text => say!("saggar: {error:#}"),
            LogFormat::Json => tracing::error!(error = format!("{error:#}"), "command failed"),
        }
    }

    /// Returns the tracer, if traces are exported.
    pub(crate) fn tracer(&self) -> Option<BoxedTracer> {
        self.traces.as_ref().map(TraceExporter::tracer)
    }

    /// Returns whether the command serves metrics.
    pub(crate) fn has_metrics(&self) -> bool {
        self.recorder.is_some()
    }

    /// Returns a function that renders the metrics in the Prometheus text format; `None` for commands that do not serve
    /// metrics. The function calls `measure` first.
    pub(crate) fn metrics<M: Fn() + Send + Sync + 'static>(
        &self,
        measure: M,
    ) -> Option<impl Fn() -> String + Send + Sync + use<M>> {
        let recorder = Arc::clone(self.recorder.as_ref()?);
        Some(move || {
            measure();
            process::measure();
            recorder.render()
        })
    }

    /// Reports suppressed log lines, and flushes pending spans within a time limit. Call it outside of any runtime.
    pub(crate) fn end(self) {
        self.limit.flush();
        if let Some(traces) = self.traces {
            traces.end();
        }
    }
}
