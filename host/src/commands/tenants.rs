//! `saggar tenants`: lists the tenants of a host, shows one with its quotas, or removes the data of one.

use saggar_wire::{Quota, Tenant};

use super::client;
use super::output::{self, Column, Table, cell, name};
use crate::cli::client::TenantsArgs;

const COLUMNS: &[Column] = &[
    Column::Left("TENANT"),
    Column::Left("STATE"),
    Column::Right("WEIGHT"),
    Column::Right("TASKS"),
    Column::Right("WAITING"),
    Column::Right("RUNNING"),
    Column::Right("ENDED"),
    Column::Right("BYTES"),
    Column::Left("NEAREST QUOTA"),
];

pub(crate) async fn run(args: TenantsArgs) -> anyhow::Result<u8> {
    let client = client::connect(&args.host)?;
    match &args.name {
        Some(name) if args.remove => return remove(&client, name, args.host.json).await,
        Some(name) => {
            let answer = client.tenant(name).await?;
            if args.host.json {
                output::json(answer.text())?;
            } else {
                print(&answer.parse()?)?;
            }
            return Ok(0);
        }
        None => {}
    }
    let answer = client.tenants().await?;
    if args.host.json {
        output::json(answer.text())?;
        return Ok(0);
    }
    let mut table = Table::new(COLUMNS);
    let mut problems = Vec::new();
    for tenant in answer.parse()?.tenants {
        let counts = tenant.counts;
        table.row([
            tenant.name.clone(),
            name(&tenant.state),
            tenant.weight.to_string(),
            tenant.tasks.to_string(),
            counts.waiting.to_string(),
            counts.running.to_string(),
            (counts.success + counts.failure).to_string(),
            counts.bytes.to_string(),
            nearest(&tenant.quotas).map(|quota| format!("{} {}", quota.name, usage(quota))).unwrap_or_default(),
        ]);
        problems.extend(tenant.problem.map(|problem| (tenant.name, problem)));
    }
    table.print()?;
    for (name, problem) in problems {
        say!("{}: {}", cell(&name), cell(&problem));
    }
    Ok(0)
}

/// Removes all data of a tenant: asks again until nothing remains.
async fn remove(client: &saggar_client::Client, name: &str, as_json: bool) -> anyhow::Result<u8> {
    let mut jobs = 0;
    loop {
        let removed = client.remove_tenant(name).await?.parse()?;
        jobs += removed.jobs;
        if !removed.more {
            break;
        }
        say!("saggar: {jobs} jobs removed so far");
    }
    if as_json {
        output::json(&serde_json::json!({ "tenant": name, "jobs": jobs, "more": false }).to_string())?;
    } else {
        output::line(&format!("{name}: {jobs} jobs removed"))?;
    }
    Ok(0)
}

fn print(tenant: &Tenant) -> anyhow::Result<()> {
    let counts = tenant.counts;
    let jobs = format!(
        "{} waiting ({} delayed, {} on hold), {} running, {} success, {} failure; {} added in total; {} bytes",
        counts.waiting,
        counts.delayed,
        counts.on_hold,
        counts.running,
        counts.success,
        counts.failure,
        counts.added,
        counts.bytes
    );
    let mut rows = vec![("name", tenant.name.clone()), ("state", name(&tenant.state))];
    rows.extend(tenant.problem.clone().map(|problem| ("problem", problem)));
    rows.extend([("weight", tenant.weight.to_string()), ("tasks", tenant.tasks.to_string()), ("jobs", jobs)]);
    rows.extend(tenant.quotas.iter().map(|quota| (quota.name.as_str(), usage(quota))));
    let lines: String = rows.iter().map(|(title, value)| format!("{title:<21}  {}\n", cell(value))).collect();
    output::write(&lines).map(drop)
}

/// Returns how much of a quota is used.
fn usage(quota: &Quota) -> String {
    let limit = quota.limit.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string());
    format!("{} of {limit}", quota.used)
}

/// Returns the quota of which the largest part is used.
fn nearest(quotas: &[Quota]) -> Option<&Quota> {
    let part = |quota: &&Quota| quota.limit.map(|limit| quota.used as f64 / limit.max(1) as f64);
    let limited = quotas.iter().filter(|quota| quota.limit.is_some());
    limited.max_by(|one, other| part(one).unwrap_or(0.0).total_cmp(&part(other).unwrap_or(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_quota_is_the_one_of_which_the_largest_part_is_used() {
        let quota = |name: &str, used, limit| Quota { name: name.to_owned(), used, limit };
        let quotas = [quota("running", 3, Some(4)), quota("waiting", 90, Some(1_000)), quota("memory", 1 << 30, None)];
        assert_eq!(nearest(&quotas).map(usage).as_deref(), Some("3 of 4"));
        assert_eq!(nearest(&quotas[2..]), None);
    }
}
