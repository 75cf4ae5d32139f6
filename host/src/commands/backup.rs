//! `saggar backup`: copies an app's jobs, even while a host runs.

use serde_json::json;

use super::{CommandEnv, USAGE, output};
use crate::cli::Backup;

pub(crate) async fn run(args: Backup, env: &CommandEnv) -> anyhow::Result<u8> {
    let Some(from) = env.configuration.store().file(&args.app) else {
        say!("saggar: cannot copy jobs in memory; choose a `sqlite` store");
        return Ok(USAGE);
    };
    saggar::backup(&from, &args.file).await?;
    if args.json {
        output::json(
            &json!({ "from": from.display().to_string(), "to": args.file.display().to_string() }).to_string(),
        )?;
        return Ok(0);
    }
    say!("copied {} to {}", from.display(), args.file.display());
    Ok(0)
}
