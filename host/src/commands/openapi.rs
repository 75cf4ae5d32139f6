//! `saggar openapi`: prints the OpenAPI document of the HTTP API. Needs no host.

use super::output;

pub(crate) fn run() -> anyhow::Result<u8> {
    output::json(saggar_api::openapi())?;
    Ok(0)
}
