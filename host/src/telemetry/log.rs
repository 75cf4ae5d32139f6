//! The host's own log, on standard error: text, or one JSON object per line.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::rate_limit::RateLimit;
use crate::config::{LogFormat, Variables};

/// Starts the log at `level`; returns its rate limiter.
pub(super) fn start(level: &str, format: LogFormat, variables: &Variables) -> RateLimit {
    let limit = RateLimit::start();
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(level))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        // Reporting a failed write would itself write to standard error, and panic.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => {
            let in_color = std::io::stderr().is_terminal() && !variables.wants_no_color();
            log.with_ansi(in_color).finish().with(limit.clone()).init();
        }
        LogFormat::Json => log.json().flatten_event(true).finish().with(limit.clone()).init(),
    }
    // Panics pass through the rate limit too, because a guest may be able to cause them.
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a thread panicked")));
    limit
}
