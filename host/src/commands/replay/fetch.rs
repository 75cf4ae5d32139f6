//! Gets records: from a host, or from a file.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use saggar_client::Client;

use crate::cli::client::HostArgs;
use crate::commands::client;

/// The code of the host's problem for code that it does not keep.
const UNKNOWN_VERSION: &str = "unknown-version";

/// Maximum bytes of a file with a record.
const MAX_BYTES: u64 = 64 << 20;

/// Reads a file with a record.
pub(crate) fn of_file(file: &Path) -> anyhow::Result<Vec<u8>> {
    let resolved = file.canonicalize().with_context(|| format!("cannot read {}", file.display()))?;
    let bytes = saggar_definition::read_regular_file(&resolved, MAX_BYTES)
        .with_context(|| format!("cannot read {}", file.display()))?;
    if bytes.len() as u64 > MAX_BYTES {
        bail!("{} has more than {MAX_BYTES} bytes", file.display());
    }
    Ok(bytes)
}

/// Asks a host for the record of an attempt, or of the last one that was recorded.
pub(crate) async fn of_host(host: &HostArgs, task: &str, id: u64, attempt: Option<u32>) -> anyhow::Result<Vec<u8>> {
    let client = client::connect(host)?;
    let run = match attempt {
        None => None,
        Some(number) => {
            let attempts = client.attempts(task, id).await?.parse()?.attempts;
            // After a retry by hand, the numbers start again.
            let last = attempts.iter().rev().find(|attempt| attempt.number == number);
            let unknown = || format!("{task}#{id} has no ended attempt {number}");
            Some(last.with_context(unknown)?.run)
        }
    };
    Ok(client.record(task, id, run).await?)
}

/// Asks a host for the code with this digest; `None` if it does not keep it.
pub(crate) async fn version(host: &HostArgs, digest: &str) -> anyhow::Result<Option<Arc<[u8]>>> {
    version_of(&client::connect(host)?, digest).await
}

/// Like [`version`], with a client of the host.
pub(crate) async fn version_of(client: &Client, digest: &str) -> anyhow::Result<Option<Arc<[u8]>>> {
    match client.version(digest).await {
        Ok(bytes) => Ok(Some(bytes.into())),
        Err(error) if error.code() == Some(UNKNOWN_VERSION) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
