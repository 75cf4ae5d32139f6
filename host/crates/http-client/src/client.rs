//! What all tenants of a host share: the resolver, the roots of TLS, and the room for exchanges and lookups.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use saggar_tenant::{FairSemaphore, Flow};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

use crate::exchange::{HttpError, HttpErrorKind};
use crate::idle::IdleTotal;
use crate::resolver::{Resolve, SystemResolver};

/// Maximum exchanges in progress. Each has a socket.
const MAX_EXCHANGES: usize = 512;

/// Maximum lookups in progress. Each has a thread, because the system's resolver blocks.
const MAX_LOOKUPS: usize = 16;

/// What a flow is charged for an exchange or a lookup until it is known how long it took.
const USUAL_TIME: Duration = Duration::from_millis(50);

/// Makes connections for all tenants. Cheap to clone.
#[derive(Clone)]
pub struct HttpClient(Arc<Shared>);

struct Shared {
    resolver: Arc<dyn Resolve>,
    roots: Roots,
    /// Made for the first connection that needs it, because reading the roots takes some milliseconds.
    tls: OnceCell<TlsConnector>,
    exchanges: FairSemaphore,
    lookups: FairSemaphore,
    idle_total: IdleTotal,
}

/// Which servers are trusted.
enum Roots {
    /// Those whose certificates the roots of the operating system have signed.
    System,
    /// Those whose certificates these have signed.
    These(Vec<CertificateDer<'static>>),
}

impl HttpClient {
    /// Creates a client with the resolver and the roots of the operating system; of the files that `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` name, if they are set.
    pub fn of_system() -> Self {
        Self::of(Arc::new(SystemResolver), Roots::System)
    }

    /// Creates a client with this resolver, which trusts servers whose certificates these roots have signed.
    pub fn with(resolver: Arc<dyn Resolve>, roots: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        Self::of(resolver, Roots::These(roots.into_iter().collect()))
    }

    fn of(resolver: Arc<dyn Resolve>, roots: Roots) -> Self {
        Self(Arc::new(Shared {
            resolver,
            roots,
            tls: OnceCell::new(),
            exchanges: FairSemaphore::by_time(MAX_EXCHANGES, USUAL_TIME),
            lookups: FairSemaphore::by_time(MAX_LOOKUPS, USUAL_TIME),
            idle_total: IdleTotal::default(),
        }))
    }

    /// Returns what speaks TLS.
    pub(crate) async fn tls(&self) -> &TlsConnector {
        let make = || async {
            match &self.0.roots {
                Roots::System => {
                    let found = tokio::task::spawn_blocking(system_roots).await;
                    connector(found.unwrap_or_default())
                }
                Roots::These(roots) => connector(roots.clone()),
            }
        };
        self.0.tls.get_or_init(make).await
    }

    pub(crate) fn exchanges(&self) -> &FairSemaphore {
        &self.0.exchanges
    }

    pub(crate) fn idle_total(&self) -> IdleTotal {
        self.0.idle_total.clone()
    }

    /// Resolves a name. A lookup cannot be stopped, so it keeps its place, and `own`, which is the tenant's, until its
    /// thread is done, even if nobody waits for it.
    pub(crate) async fn lookup<P: Send + 'static>(
        &self,
        flow: &Flow,
        own: P,
        name: &str,
    ) -> Result<Vec<IpAddr>, HttpError> {
        let place = self.0.lookups.acquire(flow, 1).await;
        let (resolver, owned) = (Arc::clone(&self.0.resolver), name.to_owned());
        let lookup = tokio::task::spawn_blocking(move || {
            let found = resolver.resolve(&owned);
            drop((place, own));
            found
        });
        let found = lookup.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        found.map_err(|error| {
            let message = format!("the name `{name}` cannot be resolved: {error}");
            HttpError::new(HttpErrorKind::UnknownName, message)
        })
    }
}

/// Reads the roots of the operating system.
fn system_roots() -> Vec<CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "certificates of the system cannot be read");
    }
    if found.certs.is_empty() {
        tracing::error!(
            "the system has no root certificates, so no server can be reached over TLS; SSL_CERT_FILE can name some"
        );
    }
    found.certs
}

fn connector(roots: Vec<CertificateDer<'static>>) -> TlsConnector {
    let mut store = RootCertStore::empty();
    let (_, ignored) = store.add_parsable_certificates(roots);
    if ignored > 0 {
        tracing::debug!(ignored, "certificates that cannot be parsed are not trusted");
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("ring has suites for all versions");
    let mut config = builder.with_root_certificates(store).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsConnector::from(Arc::new(config))
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}
