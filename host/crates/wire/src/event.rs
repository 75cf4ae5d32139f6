//! Server-sent events: the data of each kind of event.

use serde::de::IntoDeserializer;
use serde::de::value::Error;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::FailureKind;

/// What happened to a job; also the name of the server-sent event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JobEventKind {
    /// It was added. May come after `started`, as `retrying` and `retried` may, because a slot can claim the job before the
    /// event is emitted.
    Added,
    /// An attempt began.
    Started,
    /// Its guest reported progress; at most once per 100 ms, and with the last values before an attempt ends.
    Progress,
    /// An attempt failed, and another attempt follows.
    Retrying,
    /// Cancellation was requested while an attempt runs, which is being stopped. Once for each request.
    Cancelling,
    /// The running attempt was stopped and does not count; the job waits again.
    Requeued,
    /// It had ended and was retried by hand; it waits again.
    Retried,
    /// It was deleted.
    Deleted,
    /// It ended with SUCCESS.
    Succeeded,
    /// It ended with FAILURE.
    Failed,
}

impl JobEventKind {
    /// Returns its name in kebab case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Started => "started",
            Self::Progress => "progress",
            Self::Retrying => "retrying",
            Self::Cancelling => "cancelling",
            Self::Requeued => "requeued",
            Self::Retried => "retried",
            Self::Deleted => "deleted",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// Returns the kind with this name; `None` if there is none, as for the kinds of later hosts.
    pub fn from_name(name: &str) -> Option<Self> {
        let kind: Result<Self, Error> = Self::deserialize(name.into_deserializer());
        kind.ok()
    }

    /// Returns whether no attempt of the job runs after it, unless another one starts.
    pub fn ends_attempt(self) -> bool {
        self.is_end() || matches!(self, Self::Retrying | Self::Requeued)
    }

    /// Returns whether the job did not get on as intended: an attempt failed, or is cancelled or undone.
    pub fn is_setback(self) -> bool {
        matches!(self, Self::Failed | Self::Retrying | Self::Cancelling | Self::Requeued)
    }

    /// Returns whether it is the last event of a job, unless the job is retried by hand.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Deleted | Self::Succeeded | Self::Failed)
    }
}

/// An event of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobEvent {
    /// What happened.
    pub kind: JobEventKind,
    /// The job's task, in lower case.
    pub task: String,
    /// The job's number within its task.
    #[schema(minimum = 1)]
    pub id: u64,
    /// When it happened.
    #[schema(format = DateTime)]
    pub at: String,
    /// With `started`: the attempt's number, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// With `progress`: how much is done …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<u64>,
    /// … of how much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// With `progress`: the guest's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// With `retrying`: the time before which no attempt begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub run_at: Option<String>,
    /// With `failed`: the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<FailureKind>,
}

/// The data of the event `gap`: some events have been evicted. Look the jobs up to learn their states; the oldest events that are
/// still stored follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventGap {
    /// How many events of the tenant have been evicted, an upper bound of those that are missing here. Null if the given
    /// id is of an earlier process.
    pub events: Option<u64>,
}

/// The data of the event `reached`, whose id covers everything that was sent or was not for this client. It has no members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reached {}

/// The data of the event `end`, with which a job's log ends. It has no members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogEnd {}

#[cfg(test)]
mod tests {
    use crate::*;

    #[test]
    fn the_name_of_a_kind_equals_its_json() {
        let all = "added started progress retrying cancelling requeued retried deleted succeeded failed";
        for kind in all.split(' ') {
            let read: JobEventKind = serde_json::from_str(&format!("\"{kind}\"")).unwrap();
            assert_eq!(read.name(), kind);
            assert_eq!(JobEventKind::from_name(kind), Some(read));
        }
        assert_eq!(JobEventKind::from_name("moved"), None);
    }

    #[test]
    fn an_event_has_only_the_members_of_its_kind() {
        let text = r#"{"kind":"started","task":"mail.send","id":7,"at":"2026-11-24T10:00:00.000Z","attempt":1}"#;
        let event: JobEvent = serde_json::from_str(text).unwrap();
        assert_eq!(event.attempt, Some(1));
        assert_eq!(serde_json::to_string(&event).unwrap(), text);
    }
}
