//! Steps of a record in their order, and which of them are used.

use crate::record::Step;

/// How many unused steps are examined for one question.
const MAX_EXAMINED: usize = 4_096;

/// Which steps may answer a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// The first unused one.
    Kept,
    /// The first unused one that fits.
    Any,
}

/// Steps, and which of them are used.
#[derive(Default)]
pub(crate) struct StepList {
    steps: Vec<Option<Step>>,
    /// All steps before this one are used.
    next: usize,
}

impl StepList {
    pub(crate) fn push(&mut self, step: Step) {
        self.steps.push(Some(step));
    }

    /// Takes the step that answers the guest.
    pub(crate) fn take(&mut self, order: Order, fits: impl Fn(&Step) -> bool) -> Option<Step> {
        let examined = if order == Order::Kept { 1 } else { MAX_EXAMINED };
        let (next, steps) = (self.next, self.steps.get(self.next..).unwrap_or_default());
        let at = next + steps.iter().take(examined).position(|step| step.as_ref().is_some_and(&fits))?;
        let taken = self.steps.get_mut(at)?.take();
        while self.steps.get(self.next).is_some_and(Option::is_none) {
            self.next += 1;
        }
        taken
    }

    /// Returns the first unused step.
    pub(crate) fn first(&self) -> Option<&Step> {
        self.steps.get(self.next).and_then(Option::as_ref)
    }

    /// Returns how many steps with an answer are unused. One without is where the recorded call was stopped or ended, and may
    /// not be reached.
    pub(crate) fn unused(&self) -> usize {
        self.steps.iter().flatten().filter(|step| step.is_answered()).count()
    }
}
