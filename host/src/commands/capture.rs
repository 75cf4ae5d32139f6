//! `saggar capture`: prints a recorded attempt as a test case.

use saggar_record::Document;

use super::output;
use super::replay::{document, fetch};
use crate::cli::replay::Capture;

pub(crate) async fn run(args: Capture) -> anyhow::Result<u8> {
    let bytes = fetch::of_host(&args.host, &args.task, args.id, args.attempt).await?;
    output::json(&document::write(&Document::read(&bytes)?)?)?;
    Ok(0)
}
