//! Event ids, with which a follower that was disconnected resumes.

use std::fmt;
use std::str::FromStr;

/// The position of an event among the events of its tenant. Later events have greater numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId {
    /// Chosen at random for each tenant whenever the retention of its events begins. So an id from an earlier process,
    /// from another tenant, or from before a time without retention is recognized as unknown.
    pub epoch: u64,
    /// From 1, one more with each event of the tenant; 0 is before the first.
    pub number: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The leading letter keeps people from mistaking it for a job's id.
        write!(f, "e{:x}-{:x}", self.epoch, self.number)
    }
}

/// The text is not a valid event id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid event id; pass the id of the last event unchanged, or none to follow from now on")]
pub struct BadEventId;

impl FromStr for EventId {
    type Err = BadEventId;

    fn from_str(text: &str) -> Result<Self, BadEventId> {
        let hex = |digits| u64::from_str_radix(digits, 16).ok();
        let halves = text.strip_prefix('e').and_then(|halves| halves.split_once('-'));
        let id = halves.and_then(|(epoch, number)| Some(Self { epoch: hex(epoch)?, number: hex(number)? }));
        // Each id has only one valid spelling.
        id.filter(|id| id.to_string() == text).ok_or(BadEventId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_parsed_as_it_was_written() {
        for (epoch, number) in [(0, 0), (0x5f3, 0x1a), (u64::MAX, u64::MAX)] {
            let id = EventId { epoch, number };
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert_eq!(EventId { epoch: 0x5f3, number: 0x1a }.to_string(), "e5f3-1a");
        for text in ["", "e", "e-", "e5", "e5-", "e-5", "5-5", "e05-1", "e5-01", "e5-A", "e5-+1", "e5-1-1", "é5-1"] {
            assert_eq!(text.parse::<EventId>(), Err(BadEventId), "{text:?}");
        }
    }
}
