//! `saggar get`: shows a job, at once or after it has ended.

use super::{client, job_view, output, wait};
use crate::cli::client::Get;

pub(crate) async fn run(args: Get) -> anyhow::Result<u8> {
    let client = client::connect(&args.host)?;
    if args.attempts {
        let attempts = client.attempts(&args.task, args.id).await?;
        if args.host.json {
            output::json(attempts.text())?;
        } else {
            job_view::print_attempts(&attempts.parse()?.attempts)?;
        }
        return Ok(0);
    }
    let answer = match (args.wait, args.explain) {
        (true, _) => wait::end(&client, &args.task, args.id).await?,
        (false, true) => client.explain(&args.task, args.id).await?,
        (false, false) => client.get(&args.task, args.id).await?,
    };
    if args.host.json {
        output::json(answer.text())?;
    } else {
        job_view::print(&answer.parse()?)?;
    }
    Ok(if args.wait { job_view::end(&answer.parse()?) } else { 0 })
}
