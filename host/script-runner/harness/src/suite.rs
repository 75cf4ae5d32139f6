//! The conformance suite: what the runner does, case by case.

mod compile;
mod console;
mod contract;
mod errors;
mod files;
mod hostile;
mod key_values;
mod language;
mod modules;
mod platform;
mod tasks;

pub(crate) use contract::SEED;

use crate::case::Case;

/// Returns all cases.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for part in [
        contract::cases(),
        language::cases(),
        compile::cases(),
        modules::cases(),
        errors::cases(),
        tasks::cases(),
        key_values::cases(),
        files::cases(),
        console::cases(),
        platform::cases(),
        hostile::cases(),
    ] {
        cases.extend(part);
    }
    cases
}
