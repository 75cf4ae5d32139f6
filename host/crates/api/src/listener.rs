//! The listener: accepts connections, limits the cost of each before it has a request, and stops without dropping an
//! accepted request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use saggar_wire::Code;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admission::Admission;
use crate::connection::Connections;
use crate::limits::Limits;
use crate::malformed;
use crate::router::router;
use crate::service::Service;
use crate::tokens::Tokens;

/// The send buffer of a connection: enough for 20 MB/s at a round trip of 10 ms, and small enough for a few thousand
/// clients. By default the system buffers up to 4 MiB for each.
const UNSENT_BYTES: usize = 256 * 1024;

/// The backlog of the listening socket; tokio's default.
const BACKLOG: i32 = 1_024;

/// How long a stop waits for the store to take the last entries of the audit.
const AUDIT_TIME: Duration = Duration::from_secs(5);

/// The reason why the service cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Other machines could reach the address without a token.
    #[error(
        "{address} can be reached from other machines, and no token is configured: give one as `--token ROLE:SHA256`, as \
         SAGGAR_TOKENS, or as `[[token]]` in saggar.toml (`saggar token` makes one), or listen on 127.0.0.1"
    )]
    Open {
        /// The address.
        address: SocketAddr,
    },
    /// The operating system refused.
    #[error("cannot listen on {address}; choose another with `--listen`")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Its error.
        #[source]
        source: std::io::Error,
    },
}

/// A bound address. Clients can connect already; they are answered once there is a [`Listener`]. It needs no runtime, so that a
/// process can bind it before it gives up the right to.
#[derive(Debug)]
pub struct Bound {
    socket: std::net::TcpListener,
    address: SocketAddr,
}

/// A listening service, until [`stop`](Self::stop).
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    service: Service,
    tasks: TaskTracker,
    abort: CancellationToken,
}

impl Bound {
    /// Binds `address` for a service with these tokens. Port 0 is any free port.
    pub fn new(address: SocketAddr, tokens: &Tokens) -> Result<Self, ListenError> {
        if !tokens.suffice_at(address) {
            return Err(ListenError::Open { address });
        }
        let failed = |source| ListenError::Bind { address, source };
        let socket = bind(address).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address })
    }

    /// Starts answering requests. Must be called within a runtime. Fails if the runtime cannot take over the socket.
    pub fn listen(self, service: Service, limits: Limits) -> std::io::Result<Listener> {
        let Self { socket, address } = self;
        let socket = TcpListener::from_std(socket)?;
        service.add_streams(limits.followers.min(limits.connections / 2));
        let listener = Listener { address, service, tasks: TaskTracker::new(), abort: CancellationToken::new() };
        let connections = Connections {
            router: router(&listener.service),
            limits,
            stop: listener.service.stop().clone(),
            abort: listener.abort.clone(),
        };
        let storing = listener.service.audit().clone().run(listener.service.stop().clone());
        listener.tasks.spawn(storing);
        listener.tasks.spawn(listener.service.pulses().clone().run(listener.service.stop().clone()));
        listener.tasks.spawn(accept(socket, connections, listener.tasks.clone()));
        Ok(listener)
    }
}

fn bind(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(family, SocketType::STREAM, flags, None)?;
    // So that the port of a host that has just stopped can be bound at once.
    net::sockopt::set_socket_reuseaddr(&socket, true)?;
    // Accepted connections inherit it.
    net::sockopt::set_socket_send_buffer_size(&socket, UNSENT_BYTES)?;
    net::bind(&socket, &address)?;
    net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

impl Listener {
    /// Returns the address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting connections and requests, and waits for at most `time` until the present requests are answered.
    /// Requests that wait for a job's end are refused at once, and streaming answers end at once.
    pub async fn stop(&self, time: Duration) {
        self.service.stop().cancel();
        self.tasks.close();
        if tokio::time::timeout(time, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                connections = self.tasks.len(),
                "closing connections whose requests were not answered in time"
            );
            self.abort.cancel();
            self.tasks.wait().await;
        }
        let stored = tokio::time::timeout(AUDIT_TIME, self.service.audit().store());
        if stored.await.is_err() {
            tracing::error!("the store did not take the last entries of the audit in time");
        }
    }

    /// Closes all connections at once, including those with unanswered requests. A concurrent call of
    /// [`stop`](Self::stop) then returns.
    pub fn abort(&self) {
        self.service.stop().cancel();
        self.abort.cancel();
    }
}

async fn accept(socket: TcpListener, connections: Connections, tasks: TaskTracker) {
    let limits = connections.limits;
    let admission = Arc::new(Admission::new(limits.connections, limits.address_share));
    loop {
        let next = async {
            let (stream, address) = socket.accept().await?;
            // An IPv4 client of an IPv6 socket is known by its IPv4 address.
            let address = address.ip().to_canonical();
            Ok::<_, std::io::Error>((admission.admit(address).await, stream, address))
        };
        let accepted = tokio::select! {
            next = next => next,
            () = connections.stop.cancelled() => return,
        };
        match accepted {
            Ok((Some(admitted), stream, address)) => {
                // Answers are written completely in one go, so Nagle's algorithm would only delay them.
                let _ = stream.set_nodelay(true);
                let serving = connections.clone();
                tasks.spawn(async move {
                    let first_head_by = Instant::now() + limits.first_head_time();
                    // Allocates buffers only after the first bytes have arrived.
                    if serving.wait_for_bytes(&stream, &admitted.connection, first_head_by).await {
                        let connection = Arc::clone(&admitted.connection);
                        serving.serve(stream, connection, first_head_by, address).await;
                    }
                });
            }
            Ok((None, stream, _)) => {
                // Does not wait, because a client with all connections of an address may not read.
                let _ = stream.try_write(&malformed::answer(Code::Overloaded));
            }
            Err(error) => {
                // Either the client has disconnected, or the process is out of file descriptors. Wait for some to be
                // closed.
                tracing::debug!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}
