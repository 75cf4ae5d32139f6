//! `saggar add`: adds one job, or with --file one job per line.

use anyhow::Context;
use saggar_client::{Client, ClientError, new_key};
use saggar_wire::AddJob;

use super::{arguments, bulk_add, client, job_view, output, wait};
use crate::cli::client::Add;

pub(crate) async fn run(args: Add) -> anyhow::Result<u8> {
    let client = client::connect(&args.host)?;
    match &args.file {
        Some(file) => bulk_add::run(&client, &args, file).await,
        None => add_one(&client, &args).await,
    }
}

async fn add_one(client: &Client, args: &Add) -> anyhow::Result<u8> {
    let job = AddJob {
        args: Some(arguments::array(&args.args)),
        delay_ms: delay_ms(args),
        run_at: args.at.clone(),
        priority: args.priority,
        unique: args.unique.clone(),
    };
    // With a key, a retry after a lost connection does not add the job twice.
    let key = args.key.clone().unwrap_or_else(new_key);
    let added = match client.add(&args.task, &job, &key).await {
        // Names the key, because without it another attempt of the user could add the job twice.
        Err(error) if may_have_added(client, &error) => {
            return Err(error)
                .with_context(|| format!("the job may have been added (with --key {key}, it is not added twice)"));
        }
        added => added?,
    };
    let id = added.parse()?.id;
    match (args.wait, args.host.json) {
        (true, as_json) => {
            let ended = wait::end(client, &args.task, id).await?;
            job_view::print_end(&ended.parse()?, ended.text(), as_json)
        }
        (false, true) => output::json(added.text()).map(|_| 0),
        (false, false) => output::line(&id.to_string()).map(|_| 0),
    }
}

/// Returns whether the job may have been added: the connection was lost after the host was reached.
fn may_have_added(client: &Client, error: &ClientError) -> bool {
    error.code().is_none() && error.is_network() && client.was_reached()
}

pub(crate) fn delay_ms(args: &Add) -> Option<u64> {
    args.delay.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX))
}
