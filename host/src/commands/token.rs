//! `saggar token`: a new token and its digest.

use anyhow::Context;
use serde_json::json;

use super::{output, show};
use crate::cli::Token;

/// Bytes of chance in a token: more than anybody can guess, and as many as its digest has.
const BYTES: usize = 32;

/// What tokens begin with, so that tools which look for secrets know one.
const PREFIX: &str = "saggar_";

pub(crate) fn run(args: &Token) -> anyhow::Result<u8> {
    let mut bytes = [0; BYTES];
    let chance = rustls::crypto::ring::default_provider().secure_random;
    // Its error says nothing.
    chance.fill(&mut bytes).ok().context("the system gives no random bytes")?;
    let token = format!("{PREFIX}{}", hex(&bytes));
    let (role, sha256) = (&args.role, saggar::api::Token::digest_of(&token));
    if args.json {
        let document = json!({ "token": token, "role": role, "name": args.name, "sha256": sha256 });
        output::json(&document.to_string())?;
        return Ok(0);
    }
    show::line(&format!("token   {token}"))?;
    show::line(&format!("sha256  {sha256}"))?;
    say!("\nThe token is for who uses the service, as SAGGAR_TOKEN; it is kept nowhere. The host takes its digest:\n");
    say!("  [[token]]");
    if let Some(name) = &args.name {
        say!("  name = {}", toml::Value::from(name.as_str()));
    }
    say!("  role = \"{role}\"\n  sha256 = \"{sha256}\"");
    Ok(0)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
