//! Which parts of its host a guest uses, by the names that task files have for them.

use std::collections::BTreeSet;

use saggar_job::LogSource;
use saggar_sandbox::Observation;

use crate::effects::Effects;
use crate::question::Question;
use crate::record::{RecordedCall, Step};

/// Names of parts of a host.
pub(crate) type Parts = BTreeSet<&'static str>;

/// Returns the part that answers a question.
pub(crate) fn of_question(question: &Question<'_>) -> &'static str {
    match question {
        Question::Add { .. } | Question::AddWith { .. } | Question::Get { .. } | Question::Cancel { .. } => "tasks",
        Question::Env => "env",
        Question::Roots | Question::File(_) => "files",
        Question::Kv(_) => "kv",
        Question::Http(_) => "http",
    }
}

/// Returns the part that an observation is made of; `None` if it belongs to others, as waiting does.
pub(crate) fn of_observation(what: Observation) -> Option<&'static str> {
    match what {
        Observation::RemainingTime | Observation::Cancellation => Some("context"),
        Observation::WallClock
        | Observation::WallClockResolution
        | Observation::MonotonicClock
        | Observation::MonotonicClockResolution => Some("clocks"),
        Observation::RandomBytes(_)
        | Observation::RandomNumber
        | Observation::InsecureBytes(_)
        | Observation::InsecureNumber
        | Observation::InsecureSeed => Some("random"),
        Observation::Poll(_) | Observation::Readiness | Observation::Wait | Observation::Growth(_) => None,
    }
}

/// Returns the parts that have log lines and progress.
pub(crate) fn of_effects(effects: &Effects) -> impl Iterator<Item = &'static str> {
    let has_log = effects.log.iter().any(|(source, _)| matches!(source, LogSource::Log(_)));
    let has_progress = !effects.progress.is_empty();
    [("log", has_log), ("progress", has_progress)].into_iter().filter(|(_, is_used)| *is_used).map(|(name, _)| name)
}

impl RecordedCall {
    /// Returns which parts of the host the guest used: `tasks`, `kv`, `http`, `files`, `env`, `context`, `clocks`, `random`,
    /// `log`, `progress`.
    pub fn asked(&self) -> BTreeSet<&'static str> {
        let of_step = |step: &Step| match step {
            Step::Asked(question, _) => Some(of_question(question)),
            Step::Observed(what, _) => of_observation(*what),
        };
        self.steps.iter().filter_map(of_step).chain(of_effects(&self.effects)).collect()
    }
}
