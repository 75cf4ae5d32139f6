//! `saggar rollback`: makes a host run the plugins and scripts of an earlier deployment.

use saggar_wire::RollbackQuery;

use super::{client, reload};
use crate::cli::deploy::Rollback;

pub(crate) async fn run(args: Rollback) -> anyhow::Result<u8> {
    let client = client::connect(&args.host)?;
    let answer = client.rollback(&RollbackQuery { to: args.to }).await;
    reload::finish(&client, answer, args.host.json).await
}
