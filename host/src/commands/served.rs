//! What a service serves: one app, or the tenants of its configuration.

use std::time::Duration;

use saggar::api::{Service, Tokens};
use saggar::{Host, JobKey, Tenants};

/// What a service serves.
#[derive(Clone)]
pub(crate) enum Served {
    App(Host),
    Tenants(Tenants),
}

impl Served {
    /// Creates the HTTP service.
    pub(crate) fn service(&self, tokens: Tokens) -> Service {
        match self {
            Self::App(host) => saggar::service(host, tokens),
            Self::Tenants(tenants) => tenants.service(tokens),
        }
    }

    pub(crate) fn measure(&self) {
        match self {
            Self::App(host) => host.measure(),
            Self::Tenants(tenants) => tenants.measure(),
        }
    }

    /// Reloads because of a signal. It continues by itself and logs its result.
    pub(crate) fn reload_on_signal(&self) {
        match self {
            Self::App(host) => drop(host.reload_by("signal".into())),
            Self::Tenants(tenants) => drop(tenants.reload_by("signal".into())),
        }
    }

    pub(crate) async fn shutdown(&self, drain: Duration) -> Vec<JobKey> {
        match self {
            Self::App(host) => host.shutdown(drain).await,
            Self::Tenants(tenants) => tenants.shutdown(drain).await,
        }
    }

    pub(crate) fn abort(&self) {
        match self {
            Self::App(host) => host.abort(),
            Self::Tenants(tenants) => tenants.abort(),
        }
    }

    pub(crate) async fn store_failed(&self) -> Box<dyn std::error::Error + Send + Sync> {
        match self {
            Self::App(host) => host.store_failed().await,
            Self::Tenants(tenants) => tenants.store_failed().await,
        }
    }

    pub(crate) fn lost_jobs(&self) -> usize {
        match self {
            Self::App(host) => host.lost_jobs(),
            Self::Tenants(tenants) => tenants.lost_jobs(),
        }
    }
}
