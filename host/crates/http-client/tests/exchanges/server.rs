//! A server that answers each request as a test says, byte by byte.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// The number of its connection, from 0.
    pub(crate) connection: usize,
    /// The first line and the headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// What a server does with a request.
pub(crate) enum Reply {
    /// Sends these bytes, and waits for the next request.
    Send(Vec<u8>),
    /// Sends these bytes, and closes the connection.
    Last(Vec<u8>),
    /// Sends these bytes, and nothing more.
    Hold(Vec<u8>),
    /// Sends these bytes, and then others again and again.
    Endless(Vec<u8>, Vec<u8>),
}

impl Reply {
    /// A response with this body.
    pub(crate) fn ok(body: impl AsRef<[u8]>) -> Self {
        Self::with("", body)
    }

    /// A response with these lines among its headers.
    pub(crate) fn with(lines: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let head = format!("HTTP/1.1 200 OK\r\n{lines}content-length: {}\r\n\r\n", body.len());
        Self::Send([head.as_bytes(), body].concat())
    }
}

type Answer = dyn Fn(&Received) -> Reply + Send + Sync;

/// A server on this machine, until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    connections: Arc<Mutex<usize>>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Starts a server on `127.0.0.1`.
    pub(crate) async fn start(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0", None, answer).await
    }

    /// Starts a server that speaks TLS with one of the certificates of the tests.
    pub(crate) async fn start_tls(
        certificate: &str,
        answer: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start_at("127.0.0.1:0", Some(acceptor(certificate)), answer).await
    }

    /// Starts a server at this address.
    pub(crate) async fn start_at(
        address: &str,
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (received, connections) = (Arc::<Mutex<Vec<Received>>>::default(), Arc::<Mutex<usize>>::default());
        let answer: Arc<Answer> = Arc::new(answer);
        let mut tasks = JoinSet::new();
        tasks.spawn({
            let (received, connections) = (Arc::clone(&received), Arc::clone(&connections));
            async move {
                let mut open = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    let number = {
                        let mut count = connections.lock().expect("no test panicked with it");
                        *count += 1;
                        *count - 1
                    };
                    let (tls, answer, received) = (tls.clone(), Arc::clone(&answer), Arc::clone(&received));
                    open.spawn(async move {
                        match tls {
                            None => serve(stream, number, &*answer, &received).await,
                            Some(tls) => {
                                if let Ok(stream) = tls.accept(stream).await {
                                    serve(stream, number, &*answer, &received).await;
                                }
                            }
                        }
                    });
                }
            }
        });
        Self { address, received, connections, _tasks: tasks }
    }

    /// Returns the requests so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no test panicked with it").clone()
    }

    /// Returns how many connections were made.
    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().expect("no test panicked with it")
    }

    /// Returns the URL of a path on a host, with the port of this server.
    pub(crate) fn url(&self, scheme: &str, host: &str, path: &str) -> String {
        format!("{scheme}://{host}:{}{path}", self.address.port())
    }
}

/// Returns what accepts TLS with a certificate of the tests.
pub(crate) fn acceptor(certificate: &str) -> TlsAcceptor {
    let pem = match certificate {
        "trusted" => include_bytes!("../certificates/trusted.pem").as_slice(),
        "expired" => include_bytes!("../certificates/expired.pem"),
        _ => include_bytes!("../certificates/unknown.pem"),
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem).map(|one| one.expect("a certificate")).collect();
    let key = PrivateKeyDer::from_pem_slice(pem).expect("a key");
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("versions of TLS").with_no_client_auth();
    TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).expect("a key that fits the certificate")))
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    connection: usize,
    answer: &Answer,
    received: &Mutex<Vec<Received>>,
) {
    let mut buffer = Vec::new();
    while let Some((head, body)) = read_request(&mut stream, &mut buffer).await {
        let request = Received { connection, head, body };
        received.lock().expect("no test panicked with it").push(request.clone());
        let written = match answer(&request) {
            Reply::Send(bytes) => write(&mut stream, &bytes).await,
            Reply::Last(bytes) => {
                // The client may have gone.
                let _ = write(&mut stream, &bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
            Reply::Hold(bytes) => {
                let _ = write(&mut stream, &bytes).await;
                pending().await
            }
            Reply::Endless(first, again) => {
                let mut written = write(&mut stream, &first).await;
                while written.is_some() {
                    written = write(&mut stream, &again).await;
                }
                None
            }
        };
        if written.is_none() {
            return;
        }
    }
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Option<()> {
    stream.write_all(bytes).await.ok()?;
    stream.flush().await.ok()
}

/// Reads a request; `None` if the client has closed the connection.
async fn read_request(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        read_more(stream, buffer).await?;
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().expect("the length of a body"));
    while buffer.len() < end + length {
        read_more(stream, buffer).await?;
    }
    let body = buffer[end..end + length].to_vec();
    buffer.drain(..end + length);
    Some((head, body))
}

async fn read_more(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<()> {
    let mut bytes = [0; 4096];
    let read = stream.read(&mut bytes).await.ok().filter(|read| *read > 0)?;
    buffer.extend_from_slice(&bytes[..read]);
    Some(())
}
