//! `saggar get`: one job, as it stands or as it ended.

use super::{ask, job_sheet, output, wait};
use crate::cli::client::Get;

pub(crate) async fn run(args: Get) -> anyhow::Result<u8> {
    let client = ask::client(&args.host)?;
    if args.attempts {
        let attempts = client.attempts(&args.task, args.id).await?;
        if args.host.json {
            output::json(attempts.text())?;
        } else {
            job_sheet::print_attempts(&attempts.parse()?.attempts)?;
        }
        return Ok(0);
    }
    let answer = if args.wait {
        wait::end(&client, &args.task, args.id).await?
    } else {
        client.get(&args.task, args.id).await?
    };
    if args.host.json {
        output::json(answer.text())?;
    } else {
        job_sheet::print(&answer.parse()?)?;
    }
    Ok(if args.wait { job_sheet::end(&answer.parse()?) } else { 0 })
}
