//! Settling notices that no handler is called for any more.

use saggar_job::{Status, Timestamp};

use super::super::outbox::{About, Entry};
use super::Shelf;
use crate::{NoticePosition, Rules, SettledUnwanted};

impl Shelf {
    pub(in super::super) fn settle_unwanted(
        &mut self,
        after: NoticePosition,
        most: usize,
        rules: &Rules,
        now: Timestamp,
    ) -> SettledUnwanted {
        let pending = self.ends.outbox.pending_after(after, most);
        let next = if pending.len() < most { None } else { pending.last().map(|(position, _)| *position) };
        let (mut added, mut ended, mut noticed) = (0, 0, false);
        for (position, entry) in pending {
            if self.is_wanted(&entry, rules) {
                continue;
            }
            noticed |= self.finish_notice(position.number, now);
            match entry.about {
                About::Added => added += 1,
                About::End => ended += 1,
            }
        }
        SettledUnwanted { added, ended, next, line: self.left(), noticed }
    }

    fn is_wanted(&self, entry: &Entry, rules: &Rules) -> bool {
        match (entry.about, self.records.get(&entry.id).map(|record| record.life.state.status())) {
            (About::Added, _) => rules.add_handler,
            (About::End, Some(Status::Success)) => rules.success_handler,
            (About::End, _) => rules.error_handler,
        }
    }
}
