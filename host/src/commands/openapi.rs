//! `saggar openapi`: prints the OpenAPI document of the HTTP API. Does not need a host.

use super::output;

pub(crate) fn run() -> anyhow::Result<u8> {
    output::json(saggar_api::openapi())?;
    Ok(0)
}
