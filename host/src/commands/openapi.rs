//! `saggar openapi`: what the HTTP service takes and answers, for programs. Needs no host.

use super::show;

pub(crate) fn run() -> anyhow::Result<u8> {
    show::line(saggar_api::openapi())?;
    Ok(0)
}
