//! Server-sent events: what the data of each kind of event is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Reason;

/// What happened to a job. It is also the name of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JobEventKind {
    /// It was added. May come after `started`, as `retrying` and `retried` may: a slot that finds the job in the line may be a
    /// moment ahead of whoever tells that it is there.
    Added,
    /// An attempt began.
    Started,
    /// Its guest reported progress; at most once in 100 ms, and the last values before an attempt's end.
    Progress,
    /// An attempt failed, and another one follows.
    Retrying,
    /// The job was cancelled while an attempt runs, which is being stopped. Once for every such request.
    Cancelling,
    /// The running attempt was stopped and does not count; the job waits again.
    Requeued,
    /// It had ended, and waits again, for somebody wants it to.
    Retried,
    /// It was deleted.
    Deleted,
    /// It ended well.
    Succeeded,
    /// It ended otherwise.
    Failed,
}

impl JobEventKind {
    /// Its name in kebab case.
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

    /// Whether nothing follows unless somebody retries the job.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Deleted | Self::Succeeded | Self::Failed)
    }
}

/// Something that happened to a job.
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
    /// Of `started`: the attempt's number, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Of `progress`: how much is done …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<u64>,
    /// … of how much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Of `progress`: what the guest says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Of `retrying`: the time before which no attempt begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub run_at: Option<String>,
    /// Of `failed`: in which way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// The data of the event `gap`: some events are not kept any more. Look at the jobs themselves to know where they stand;
/// what follows are the oldest events that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventGap {
    /// How many events of all the tenant's jobs that is; no more than these would have been sent. Null if the id that was
    /// handed back is of an earlier process.
    pub events: Option<u64>,
}

/// The data of the event `reached`, whose id stands for everything that was sent or was not for this client. It has no
/// members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reached {}

/// The data of the event `end`, with which a job's log ends. It has no members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogEnd {}

#[cfg(test)]
mod tests {
    use crate::*;

    #[test]
    fn a_kind_is_named_as_it_is_written() {
        let all = "added started progress retrying cancelling requeued retried deleted succeeded failed";
        for kind in all.split(' ') {
            let read: JobEventKind = serde_json::from_str(&format!("\"{kind}\"")).unwrap();
            assert_eq!(read.name(), kind);
        }
    }

    #[test]
    fn an_event_has_only_the_members_of_its_kind() {
        let text = r#"{"kind":"started","task":"mail.send","id":7,"at":"2026-11-24T10:00:00.000Z","attempt":1}"#;
        let event: JobEvent = serde_json::from_str(text).unwrap();
        assert_eq!(event.attempt, Some(1));
        assert_eq!(serde_json::to_string(&event).unwrap(), text);
    }
}
