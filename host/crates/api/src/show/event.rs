//! Converts events.

use saggar_queue::{JobEventKind, KeptEvent};
use saggar_wire as wire;

use super::reason;
use crate::rfc3339;

pub(crate) fn event(stored: &KeptEvent) -> wire::JobEvent {
    let key = &stored.event.key;
    let mut event = wire::JobEvent {
        kind: event_kind(&stored.event.kind),
        task: key.task.task.to_string(),
        id: key.id.0,
        at: rfc3339::write(stored.at),
        attempt: None,
        current: None,
        total: None,
        message: None,
        run_at: None,
        reason: None,
    };
    match &stored.event.kind {
        JobEventKind::Started { attempt } => event.attempt = Some(*attempt),
        JobEventKind::Progress(progress) => {
            (event.current, event.total) = (Some(progress.current), Some(progress.total));
            event.message = Some(progress.message.clone());
        }
        JobEventKind::Retrying { run_at } => event.run_at = Some(rfc3339::write(*run_at)),
        JobEventKind::Failed { reason: of } => event.reason = Some(reason(*of)),
        JobEventKind::Added
        | JobEventKind::Cancelling
        | JobEventKind::Requeued
        | JobEventKind::Retried
        | JobEventKind::Deleted
        | JobEventKind::Succeeded => {}
    }
    event
}

pub(crate) fn event_kind(kind: &JobEventKind) -> wire::JobEventKind {
    match kind {
        JobEventKind::Added => wire::JobEventKind::Added,
        JobEventKind::Started { .. } => wire::JobEventKind::Started,
        JobEventKind::Progress(_) => wire::JobEventKind::Progress,
        JobEventKind::Retrying { .. } => wire::JobEventKind::Retrying,
        JobEventKind::Cancelling => wire::JobEventKind::Cancelling,
        JobEventKind::Requeued => wire::JobEventKind::Requeued,
        JobEventKind::Retried => wire::JobEventKind::Retried,
        JobEventKind::Deleted => wire::JobEventKind::Deleted,
        JobEventKind::Succeeded => wire::JobEventKind::Succeeded,
        JobEventKind::Failed { .. } => wire::JobEventKind::Failed,
    }
}
