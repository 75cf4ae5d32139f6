//! `saggar deployments`: lists the deployments of a host's app, or shows one with its code.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use saggar_client::Client;
use saggar_wire::{DeployedCode, Deployment, DeploymentsQuery};
use serde_json::json;

use super::output::{self, Column, Table, cell, name};
use super::{FAILURE, client};
use crate::cli::deploy::DeploymentsArgs;

const COLUMNS: &[Column] = &[
    Column::Right("NUMBER"),
    Column::Left("TIME"),
    Column::Left("CAUSE"),
    Column::Left("BY"),
    Column::Right("FILES"),
    Column::Left("CHANGED"),
];

const CODE_COLUMNS: &[Column] =
    &[Column::Left("CODE"), Column::Left("DIGEST"), Column::Right("BYTES"), Column::Left("KEPT"), Column::Left("RUNS")];

/// Names in the column of changes.
const NAMED: usize = 5;

pub(crate) async fn run(args: DeploymentsArgs) -> anyhow::Result<u8> {
    let client = client::connect(&args.host)?;
    if let Some(number) = args.number {
        return of_number(&client, number, &args).await;
    }
    let query = DeploymentsQuery { before: args.before, limit: Some(usize::from(args.limit)) };
    let answer = client.deployments(&query).await?;
    if args.host.json {
        output::json(answer.text())?;
        return Ok(0);
    }
    let page = answer.parse()?;
    let mut table = Table::new(COLUMNS);
    for (at, deployment) in page.deployments.iter().enumerate() {
        let before = page.deployments.get(at + 1);
        table.row([
            deployment.number.to_string(),
            deployment.at.clone(),
            cause(deployment),
            deployment.by.clone(),
            deployment.code_count.to_string(),
            before.map(|before| changes(before, deployment)).unwrap_or_default(),
        ]);
    }
    table.print()?;
    match page.next {
        _ if page.deployments.is_empty() => say!("(no deployments)"),
        Some(next) => say!("(older deployments follow; --before {next} shows them)"),
        None => {}
    }
    Ok(0)
}

/// Shows one deployment with its code, or saves code of it.
async fn of_number(client: &Client, number: u64, args: &DeploymentsArgs) -> anyhow::Result<u8> {
    let as_json = args.host.json;
    let query = DeploymentsQuery { before: number.checked_add(1), limit: Some(1) };
    let found = client.deployments(&query).await?.parse()?.deployments.into_iter().next();
    let Some(deployment) = found.filter(|found| found.number == number) else {
        if as_json {
            say!("{}", json!({ "code": "unknown-deployment", "detail": format!("there is no deployment {number}") }));
        } else {
            say!("saggar: there is no deployment {number}; `saggar deployments` lists those that are recorded");
        }
        return Ok(FAILURE);
    };
    if let (Some(name), Some(file)) = (&args.save, &args.output) {
        return save(client, &deployment, name, file).await;
    }
    if as_json {
        output::json(&serde_json::to_string(&deployment)?)?;
        return Ok(0);
    }
    let Deployment { number, at, by, .. } = &deployment;
    output::line(&format!("deployment {number}, {at}, {} by {by}", cause(&deployment)))?;
    let mut table = Table::new(CODE_COLUMNS);
    for code in &deployment.code {
        let kept = if code.kept { "yes" } else { "no" };
        table.row([
            code.name.clone(),
            code.digest.clone(),
            code.bytes.to_string(),
            kept.to_owned(),
            runs(code).to_owned(),
        ]);
    }
    table.print()?;
    Ok(0)
}

/// Writes the code of this name to a new file.
async fn save(client: &Client, deployment: &Deployment, name: &str, file: &Path) -> anyhow::Result<u8> {
    let Some(code) = deployment.code.iter().find(|code| code.name == name && !code.pinned) else {
        say!("saggar: deployment {} has no {}", deployment.number, cell(name));
        return Ok(FAILURE);
    };
    let bytes = client.version(&code.digest).await?;
    let shown = file.display();
    let mut new = File::create_new(file).with_context(|| format!("cannot create {shown}"))?;
    new.write_all(&bytes).with_context(|| format!("cannot write {shown}"))?;
    say!("saggar: wrote {} bytes to {}", bytes.len(), cell(&shown.to_string()));
    Ok(0)
}

fn cause(deployment: &Deployment) -> String {
    match deployment.rolled_back_to {
        Some(to) => format!("{} to {to}", name(&deployment.cause)),
        None => name(&deployment.cause),
    }
}

/// Returns where code runs, unless it is that of its file and runs everywhere.
fn runs(code: &DeployedCode) -> &'static str {
    match (&code.instead_of, code.pinned) {
        (_, true) => "where it is pinned",
        (Some(_), false) => "instead of the file",
        (None, false) => "",
    }
}

/// Names the code that is not the same in both deployments.
fn changes(before: &Deployment, after: &Deployment) -> String {
    let has = |of: &Deployment, code: &DeployedCode| {
        of.code.iter().any(|other| (&other.name, &other.digest) == (&code.name, &code.digest))
    };
    let changed = after.code.iter().filter(|code| !has(before, code)).map(|code| code.name.clone());
    let is_gone = |code: &&DeployedCode| !after.code.iter().any(|other| other.name == code.name);
    let gone = before.code.iter().filter(is_gone).map(|code| format!("-{}", code.name));
    let names: Vec<String> = changed.chain(gone).collect();
    let first = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(" ");
    match names.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use saggar_wire::DeploymentCause;

    use super::*;

    fn deployment(code: &[(&str, &str)]) -> Deployment {
        let code = code.iter().map(|(name, digest)| DeployedCode {
            name: (*name).to_owned(),
            digest: (*digest).to_owned(),
            bytes: 1,
            kept: true,
            pinned: false,
            instead_of: None,
        });
        let (at, by) = (String::new(), String::new());
        let cause = DeploymentCause::Reload;
        let code: Vec<_> = code.collect();
        Deployment { number: 1, at, cause, rolled_back_to: None, by, code_count: code.len() as u64, code }
    }

    #[test]
    fn changes_are_new_other_and_missing_code() {
        let before = deployment(&[("plugins.a", "1"), ("plugins.b", "1"), ("plugins.c", "1")]);
        let after = deployment(&[("plugins.a", "1"), ("plugins.b", "2"), ("plugins.d", "1")]);
        assert_eq!(changes(&before, &after), "plugins.b plugins.d -plugins.c");
        assert_eq!(changes(&before, &before), "");
        assert_eq!(
            changes(&deployment(&[]), &deployment(&["a", "b", "c", "d", "e", "f"].map(|name| (name, "1")))),
            "a b c d e and 1 more"
        );
    }
}
