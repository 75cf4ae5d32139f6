//! Settling callbacks whose handler was removed.

use saggar_job::{Status, Timestamp};

use super::super::outbox::Entry;
use super::TaskState;
use crate::{CallbackPosition, Lane, Rules, SettledUnwanted};

impl TaskState {
    pub(in super::super) fn settle_unwanted(
        &mut self,
        lane: Lane,
        after: CallbackPosition,
        most: usize,
        rules: &Rules,
        now: Timestamp,
    ) -> SettledUnwanted {
        let pending = self.ends.outbox.pending_after(lane, after, most);
        let next = if pending.len() < most { None } else { pending.last().map(|(position, _)| *position) };
        let (mut added, mut ended) = (0, 0);
        for (position, entry) in pending {
            if self.is_wanted(&entry, rules) {
                continue;
            }
            self.finish_callback(position.number, None, now);
            match lane {
                Lane::Adds => added += 1,
                Lane::Ends => ended += 1,
            }
        }
        SettledUnwanted { added, ended, next }
    }

    fn is_wanted(&self, entry: &Entry, rules: &Rules) -> bool {
        match (entry.lane, self.records.get(&entry.id).map(|record| record.life.state.status())) {
            (Lane::Adds, _) => rules.add_handler,
            (Lane::Ends, Some(Status::Success)) => rules.success_handler,
            (Lane::Ends, _) => rules.error_handler,
        }
    }
}
