//! Requests that cannot be parsed, or whose head is too large or too slow: each is answered with a problem document.

use std::time::{Duration, UNIX_EPOCH};

use saggar_job::{Clock, SystemClock};
use saggar_wire::Code;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::problem::{Refusal, status};

/// How long the client may take to read the answer, while the rest of its request is discarded: a client that writes
/// everything before it reads would otherwise get a connection reset instead of the answer.
const LINGER: Duration = Duration::from_secs(1);

/// Refuses the request with this code and closes the connection.
pub(crate) async fn refuse(mut stream: impl AsyncRead + AsyncWrite + Unpin, code: Code) {
    let answering = async {
        stream.write_all(&answer(code)).await?;
        stream.shutdown().await?;
        read_rest(stream).await
    };
    // On a timeout, the client has read the answer or does not want it.
    if let Ok(Err(error)) = timeout(LINGER, answering).await {
        tracing::debug!(%error, code = code.name(), "a client did not read why its request was refused");
    }
}

/// Discards the rest of a request that has been answered.
pub(crate) async fn discard(stream: impl AsyncRead + Unpin) {
    if let Ok(Err(error)) = timeout(LINGER, read_rest(stream)).await {
        tracing::debug!(%error, "a client did not send the rest of a refused request");
    }
}

async fn read_rest(mut stream: impl AsyncRead + Unpin) -> std::io::Result<()> {
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// Returns the complete answer with this code: head and body.
pub(crate) fn answer(code: Code) -> Vec<u8> {
    // The path is unknown. A document of texts and a number can always be serialized.
    let document = serde_json::to_vec(&Refusal::plain(code).document("")).unwrap_or_default();
    let now = UNIX_EPOCH + Duration::from_millis(SystemClock.now().0);
    let head = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nconnection: close\r\n\
         x-content-type-options: nosniff\r\ndate: {}\r\n\r\n",
        code.status(),
        status(code).canonical_reason().unwrap_or_default(),
        document.len(),
        httpdate::fmt_http_date(now),
    );
    [head.into_bytes(), document].concat()
}
