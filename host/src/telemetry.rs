//! What others can see of this process: its own log, its metrics and its traces. Set up once, by the binary; the library
//! writes to the facades `tracing`, `metrics` and `opentelemetry` and knows nothing of where that goes.

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
use crate::commands::show_problems;
use crate::config::{Config, Endpoint, Loaded, LogFormat, Variables};
pub(crate) use colors::apply_no_color;
use rate_limit::RateLimit;
use recorder::Recorder;
use traces::TraceExporter;

/// Where problems of an app and its configuration are told.
const PROBLEMS: &str = "saggar::problems";

/// Tells of all mistakes of a configuration with which nothing begins, in the form that it asks for as far as that was read.
pub(crate) fn report_config_problems(configuration: &Loaded, variables: &Variables) {
    let Config { log_level, log_format, .. } = &configuration.config;
    log::start(log_level, *log_format, variables);
    log_problems(*log_format, &configuration.problems);
}

fn log_problems(format: LogFormat, problems: &[Diagnostic]) {
    if matches!(format, LogFormat::Text) {
        return show_problems(problems);
    }
    for problem in problems {
        let text = problem.render(false);
        match problem.severity {
            Severity::Error => tracing::error!(target: PROBLEMS, problem = text, "there is a problem"),
            Severity::Warning => tracing::warn!(target: PROBLEMS, problem = text, "there is a problem"),
        }
    }
}

/// What was set up.
pub(crate) struct Telemetry {
    log_format: LogFormat,
    limit: RateLimit,
    recorder: Option<Arc<Recorder>>,
    traces: Option<TraceExporter>,
}

impl Telemetry {
    /// Starts the log, and what the command has need of besides. Call it once, before there is any other thread.
    pub(crate) fn start(command: &Command, config: &Config, variables: &Variables) -> anyhow::Result<Self> {
        let limit = log::start(&config.log_level, config.log_format, variables);
        // Whoever makes a TLS connection later finds it. A second call would be refused, and there is none.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let recorder = if command.is_service() { Some(recorder::install()?) } else { None };
        let traces = match &config.otlp_endpoint {
            Some(Endpoint { address, .. }) => {
                let exporting = TraceExporter::start(address, config.otlp_sample, &config.otlp_service_name);
                Some(exporting.with_context(|| format!("traces cannot be sent to `{address}`"))?)
            }
            None => None,
        };
        Ok(Self { log_format: config.log_format, limit, recorder, traces })
    }

    /// Tells of what is wrong with an app or its configuration: people see the place, programs get a line of the log for each.
    pub(crate) fn problems(&self, problems: &[Diagnostic]) {
        log_problems(self.log_format, problems);
    }

    /// The same for problems that are found later, by whoever finds them.
    pub(crate) fn problem_report(&self) -> impl Fn(&[Diagnostic]) + Send + Sync + 'static {
        let format = self.log_format;
        move |problems| log_problems(format, problems)
    }

    /// Tells why the command ends.
    pub(crate) fn failure(&self, error: &anyhow::Error) {
        match self.log_format {
            LogFormat::Text => say!("saggar: {error:#}"),
            LogFormat::Json => tracing::error!(error = format!("{error:#}"), "the command failed"),
        }
    }

    /// Makes spans, if traces are sent anywhere.
    pub(crate) fn tracer(&self) -> Option<BoxedTracer> {
        self.traces.as_ref().map(TraceExporter::tracer)
    }

    /// What renders the metrics, in the text format of Prometheus; none for commands that have nobody to read them.
    /// `measure` is called before each rendering.
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

    /// Says which lines of the log were left out, and sends the spans that are still here, for a bounded time. Call it outside of
    /// any runtime.
    pub(crate) fn end(self) {
        self.limit.flush();
        if let Some(traces) = self.traces {
            traces.end();
        }
    }
}
