//! `saggar token`: generates a token and its digest.

use anyhow::Context;
use serde_json::json;

use super::{output, show};
use crate::cli::Token;

/// Random bytes of a token: impossible to guess, and as many as the digest has.
const BYTES: usize = 32;

/// Prefix of tokens, so that secret scanners recognize them.
const PREFIX: &str = "saggar_";

pub(crate) fn run(args: &Token) -> anyhow::Result<u8> {
    let mut bytes = [0; BYTES];
    let random = rustls::crypto::ring::default_provider().secure_random;
    // The error has no details.
    random.fill(&mut bytes).ok().context("the system gives no random bytes")?;
    let token = format!("{PREFIX}{}", hex(&bytes));
    let (role, sha256) = (&args.role, saggar::api::Token::digest_of(&token));
    if args.json {
        let document = json!({ "token": token, "role": role, "name": args.name, "sha256": sha256 });
        output::json(&document.to_string())?;
        return Ok(0);
    }
    show::line(&format!("token   {token}"))?;
    show::line(&format!("sha256  {sha256}"))?;
    say!("\nGive the token to the client, as SAGGAR_TOKEN; it is not stored. Configure the host with its digest:\n");
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
