//! Events as `watch` reads them, from a host that may be newer.

use saggar_client::ServerEvent;
use saggar_wire::JobEventKind;
use serde::Deserialize;

use crate::commands::job_view;

/// An event of a job, or a gap.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct WatchEvent {
    #[serde(skip)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) task: String,
    #[serde(default)]
    pub(super) id: u64,
    #[serde(default)]
    pub(super) at: String,
    pub(super) attempt: Option<u32>,
    current: Option<u64>,
    total: Option<u64>,
    #[serde(default)]
    pub(crate) message: String,
    run_at: Option<String>,
    reason: Option<String>,
    /// Of a gap: the maximum number of missed events; `None` if unknown.
    events: Option<u64>,
}

impl WatchEvent {
    /// Parses an event; `None` if it is only a cursor (`reached`).
    pub(crate) fn parse(raw: &ServerEvent) -> Option<Self> {
        let event = match serde_json::from_str(&raw.data) {
            Ok(event) => event,
            // The data of an unknown kind may have any form; show it as it is.
            Err(_) => Self { message: raw.data.clone(), ..Self::default() },
        };
        (raw.kind != "reached").then(|| Self { kind: raw.kind.clone(), ..event })
    }

    /// Returns the progress, if the event has any.
    pub(crate) fn progress(&self) -> Option<(u64, u64)> {
        Some((self.current?, self.total?))
    }

    /// Returns the kind, if this program knows it.
    fn known_kind(&self) -> Option<JobEventKind> {
        JobEventKind::from_name(&self.kind)
    }

    /// Returns whether events were missed before this one.
    pub(super) fn is_gap(&self) -> bool {
        self.kind == "gap"
    }

    /// Returns whether the event ends the job's attempt.
    pub(super) fn ends_attempt(&self) -> bool {
        self.known_kind().is_some_and(JobEventKind::ends_attempt)
    }

    /// Returns whether the event ends the job.
    pub(super) fn ends_job(&self) -> bool {
        self.known_kind().is_some_and(JobEventKind::is_end)
    }

    /// Returns whether to print the event above the live view.
    pub(super) fn is_notable(&self) -> bool {
        self.is_gap() || self.known_kind().is_some_and(JobEventKind::is_setback)
    }

    /// Formats the event as a line of text.
    pub(super) fn line(&self) -> String {
        if self.is_gap() {
            return match self.events {
                Some(events) => format!("(up to {events} events were missed; they have been evicted)"),
                None => "(events may have been missed; the host was restarted)".to_owned(),
            };
        }
        let more = [
            self.attempt.map(|attempt| format!("attempt {attempt}")),
            self.progress().map(|(current, total)| job_view::progress(current, total, &self.message)),
            self.progress().is_none().then(|| self.message.clone()),
            self.run_at.as_ref().map(|at| format!("at {at}")),
            self.reason.clone(),
        ];
        let more: Vec<String> = more.into_iter().flatten().filter(|text| !text.is_empty()).collect();
        let job = format!("{}#{}", self.task, self.id);
        format!("{:<24}  {job:<24}  {:<9}  {}", self.at, self.kind, more.join("  ")).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str, data: &str) -> Option<WatchEvent> {
        WatchEvent::parse(&ServerEvent { kind: kind.into(), id: String::new(), data: data.into() })
    }

    #[test]
    fn each_kind_is_formatted_as_a_line() {
        let line = |kind, data: &str| {
            let at = r#""task":"mail.send","id":7,"at":"2026-11-24T10:00:00.000Z""#;
            of(kind, &format!("{{\"kind\":\"{kind}\",{at}{data}}}")).unwrap().line()
        };
        let head = "2026-11-24T10:00:00.000Z  mail.send#7             ";
        assert_eq!(line("added", ""), format!("{head}  added"));
        assert_eq!(line("started", r#","attempt":2"#), format!("{head}  started    attempt 2"));
        let progress = r#","current":3,"total":10,"message":"half way""#;
        assert_eq!(line("progress", progress), format!("{head}  progress   3/10 half way"));
        assert_eq!(line("failed", r#","reason":"timeout""#), format!("{head}  failed     timeout"));
        assert_eq!(line("retrying", r#","run_at":"soon""#), format!("{head}  retrying   at soon"));
    }

    #[test]
    fn a_gap_reports_how_many_events_were_missed() {
        let known = of("gap", r#"{"events":12}"#).unwrap();
        assert!(known.is_gap() && known.line().contains("up to 12 events were missed"), "{}", known.line());
        assert!(of("gap", r#"{"events":null}"#).unwrap().line().contains("restarted"));
    }

    #[test]
    fn unknown_kinds_of_newer_hosts_are_shown() {
        assert_eq!(of("reached", "{}"), None);
        let moved = of("moved", r#"{"kind":"moved","task":"a","id":1,"at":"now","to":"b"}"#).unwrap();
        assert!(moved.line().contains("a#1") && moved.line().ends_with("moved"), "{}", moved.line());
        assert!(of("noise", "no json").unwrap().line().ends_with("no json"));
    }
}
