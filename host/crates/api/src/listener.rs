//! The listener: takes connections, bounds what each may cost before there is a request, and stops without dropping a
//! request that it has taken.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use saggar_wire::Code;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::Connections;
use crate::door::Door;
use crate::limits::Limits;
use crate::malformed;
use crate::router::router;
use crate::service::Service;
use crate::tokens::Tokens;

/// Bytes that the system keeps for a client that does not take them: enough for 20 MB/s at 10 ms' distance, and little
/// enough for some thousand clients. Left to itself, the system keeps up to 4 MiB for each.
const UNSENT_BYTES: u32 = 256 * 1024;

/// Connections that the system keeps until they are taken, as tokio has it by itself.
const BACKLOG: u32 = 1_024;

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
        if !tokens.suffice_at(address) {
            return Err(ListenError::Open { address });
        }
        let failed = |source| ListenError::Bind { address, source };
        let socket = bind(address).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address })
    }

    /// Begins to answer. Call it within a runtime.
    pub fn listen(self, service: Service, limits: Limits) -> Listener {
        let Self { socket, address } = self;
        service.add_stream_permits(limits.followers.min(limits.connections / 2));
        let listener = Listener { address, service, tasks: TaskTracker::new(), abort: CancellationToken::new() };
        let connections = Connections {
            router: router(&listener.service),
            limits,
            stop: listener.service.stop().clone(),
            abort: listener.abort.clone(),
        };
        listener.tasks.spawn(accept(socket, connections, listener.tasks.clone()));
        listener
    }
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // The port of a host that has just stopped can be taken at once.
    socket.set_reuseaddr(true)?;
    // Connections inherit it.
    socket.set_send_buffer_size(UNSENT_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Listener {
    /// Where it really listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections and no more requests, and waits until those at work are answered, for at most `time`. Who
    /// waits for a job's end is refused at once, and answers to those who follow end at once.
    pub async fn stop(&self, time: Duration) {
        self.service.stop().cancel();
        self.tasks.close();
        if tokio::time::timeout(time, self.tasks.wait()).await.is_err() {
            tracing::warn!(connections = self.tasks.len(), "are closed with requests that were not answered in time");
            self.abort.cancel();
            self.tasks.wait().await;
        }
    }

    /// Closes all connections at once, also those whose requests are not answered. To be called beside [`stop`](Self::stop),
    /// which then has nothing to wait for.
    pub fn abort(&self) {
        self.service.stop().cancel();
        self.abort.cancel();
    }
}

async fn accept(socket: TcpListener, connections: Connections, tasks: TaskTracker) {
    let limits = connections.limits;
    let door = Arc::new(Door::new(limits.connections, limits.address_share));
    loop {
        let next = async {
            let (stream, address) = socket.accept().await?;
            Ok::<_, std::io::Error>((door.enter(address.ip()).await, stream))
        };
        let accepted = tokio::select! {
            next = next => next,
            () = connections.stop.cancelled() => return,
        };
        match accepted {
            Ok((Some(admitted), stream)) => {
                // Answers are written at once and whole; waiting for more to send would only delay them.
                let _ = stream.set_nodelay(true);
                let serving = connections.clone();
                tasks.spawn(async move {
                    let first_head_by = Instant::now() + limits.first_head_time();
                    // Buffers are made when something has come.
                    if serving.has_come(&stream, &admitted.place(), first_head_by).await {
                        serving.serve(stream, admitted.place(), first_head_by).await;
                    }
                });
            }
            Ok((None, stream)) => {
                // Not waited for: whoever has all connections of an address may read nothing, too.
                let _ = stream.try_write(&malformed::answer(Code::Overloaded));
            }
            Err(error) => {
                // A client that went away meanwhile, or no file descriptor is left: the latter takes time to mend.
                tracing::debug!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}
