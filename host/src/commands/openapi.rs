//! `saggar openapi`: what the HTTP service takes and answers, for programs. Needs no host.

use super::output;

pub(crate) fn run() -> anyhow::Result<u8> {
    output::json(saggar_api::openapi())?;
    Ok(0)
}
