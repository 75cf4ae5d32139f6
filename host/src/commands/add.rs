//! `saggar add`: one job, or with --file as many as there are lines.

use saggar_api::wire::AddJob;
use saggar_client::{Client, new_key};

use super::{arguments, ask, feed, job_sheet, output, wait};
use crate::cli::client::Add;

pub(crate) async fn run(args: Add) -> anyhow::Result<u8> {
    let client = ask::client(&args.host)?;
    match &args.file {
        Some(file) => feed::run(&client, &args, file).await,
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
    // With a key of its own the job can be added again when the connection is lost, and is there once all the same.
    let key = args.key.clone().unwrap_or_else(new_key);
    let added = client.add(&args.task, &job, &key).await?;
    let id = added.read()?.id;
    match (args.wait, args.host.json) {
        (true, as_json) => {
            let ended = wait::end(client, &args.task, id).await?;
            job_sheet::print_end(&ended.read()?, ended.text(), as_json)
        }
        (false, true) => output::json(added.text()).map(|_| 0),
        (false, false) => output::line(&id.to_string()).map(|_| 0),
    }
}

pub(crate) fn delay_ms(args: &Add) -> Option<u64> {
    args.delay.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX))
}
