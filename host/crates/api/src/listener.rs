//! The listener: takes connections, bounds what each may cost before there is a request, and stops without dropping a
//! request that it has taken.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::service::Service;
use crate::tokens::Tokens;

/// What connections may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at a time; others wait in the system's queue. More than the clients of a host, few enough for the file
    /// descriptors that a process commonly has.
    pub connections: usize,
    /// How long a request's head may take, and how long a connection may idle between two requests.
    pub head_time: Duration,
    /// Bytes of a head, and of what is read ahead.
    pub head_bytes: usize,
    /// Headers of a request.
    pub headers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 4_096, head_time: Duration::from_secs(30), head_bytes: 64 * 1024, headers: 100 }
    }
}

/// Why the service does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Whoever reaches the address could do everything.
    #[error(
        "{address} can be reached from other machines, and no token is configured: give one as `--token ROLE:SHA256`, as \
         SAGGAR_TOKENS, or as `[[token]]` in saggar.toml (`saggar token` makes one), or listen on 127.0.0.1"
    )]
    Open {
        /// The address.
        address: SocketAddr,
    },
    /// The system refuses.
    #[error("{address} cannot be listened on; choose another address with `--listen`")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// An address that is taken. Clients may connect already; they are answered once there is a [`Listener`].
#[derive(Debug)]
pub struct Bound {
    socket: TcpListener,
    address: SocketAddr,
}

/// A service that listens. [`stop`](Self::stop) ends it.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    service: Service,
    tasks: TaskTracker,
    abort: CancellationToken,
}

impl Bound {
    /// Takes `address`, where port 0 is any that is free, for a service with these tokens.
    pub async fn new(address: SocketAddr, tokens: &Tokens) -> Result<Self, ListenError> {
        if tokens.is_open() && !address.ip().is_loopback() {
            return Err(ListenError::Open { address });
        }
        let failed = |source| ListenError::Bind { address, source };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address })
    }

    /// Begins to answer. Call it within a runtime.
    pub fn listen(self, service: Service, limits: Limits) -> Listener {
        let Self { socket, address } = self;
        let listener = Listener { address, service, tasks: TaskTracker::new(), abort: CancellationToken::new() };
        listener.tasks.spawn(accept(socket, limits, Connections::of(&listener)));
        listener
    }
}

impl Listener {
    /// Where it really listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections and no more requests, and waits until those at work are answered, for at most `time`. Who
    /// waits for a job's end is answered at once.
    pub async fn stop(&self, time: Duration) {
        self.service.stop().cancel();
        self.tasks.close();
        if tokio::time::timeout(time, self.tasks.wait()).await.is_err() {
            tracing::warn!(connections = self.tasks.len(), "are closed with requests that were not answered in time");
            self.abort.cancel();
            self.tasks.wait().await;
        }
    }
}

/// What every connection needs.
#[derive(Clone)]
struct Connections {
    router: Router,
    tasks: TaskTracker,
    stop: CancellationToken,
    abort: CancellationToken,
}

impl Connections {
    fn of(listener: &Listener) -> Self {
        Self {
            router: listener.service.router(),
            tasks: listener.tasks.clone(),
            stop: listener.service.stop().clone(),
            abort: listener.abort.clone(),
        }
    }
}

async fn accept(socket: TcpListener, limits: Limits, connections: Connections) {
    let room = Arc::new(Semaphore::new(limits.connections));
    loop {
        let next = async {
            let permit = room.clone().acquire_owned().await;
            (permit, socket.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            () = connections.stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let serving = serve(stream, limits, connections.clone());
                connections.tasks.spawn(async move {
                    serving.await;
                    drop(permit);
                });
            }
            Err(error) => {
                // A client that went away meanwhile, or no file descriptor is left: the latter takes time to mend.
                tracing::debug!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, limits: Limits, connections: Connections) {
    // Answers are written at once and whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(connections.router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head_bytes)
        .max_headers(limits.headers)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = connections.stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                () = connections.abort.cancelled() => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}
