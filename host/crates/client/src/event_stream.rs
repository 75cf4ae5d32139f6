//! Server-sent events that survive lost connections: a reader gets every event once, or learns that some are missing.

use std::pin::Pin;

use eventsource_stream::{Event, EventStreamError, Eventsource};
use futures_util::{Stream, StreamExt};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{StatusCode, Url};
use saggar_wire::PulseQuery;
use tokio::time::{Duration, Instant};

use crate::client::Client;
use crate::error::ClientError;
use crate::retry::backoff;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// After a connection that was open for this long, the client reconnects at once.
const STABLE_AFTER: Duration = Duration::from_secs(1);

type Events = Pin<Box<dyn Stream<Item = Result<Event, EventStreamError<reqwest::Error>>> + Send>>;

/// An event as the host sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerEvent {
    /// The kind of event. Clients ignore unknown kinds.
    pub kind: String,
    /// The id after which the host can continue; empty if it cannot.
    pub id: String,
    /// A JSON document.
    pub data: String,
}

/// An item of an [`EventStream`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamItem {
    /// An event.
    Event(ServerEvent),
    /// The connection was lost, with the error of the network. The stream reconnects.
    Disconnected(String),
    /// The stream has reconnected. The events of the meantime come next, as far as the host has stored them.
    Reconnected,
    /// The stream has ended, because the job that it follows has.
    End,
}

enum State {
    Connected(Events),
    Disconnected,
    Ended,
}

/// A stream of events from the host.
pub struct EventStream {
    client: Client,
    url: Url,
    state: State,
    /// The id of the last event.
    last_event_id: Option<HeaderValue>,
    /// Time of the last connect or disconnect.
    since: Instant,
    failures: u32,
    /// Time of the next try.
    retry_at: Instant,
}

impl Client {
    /// Follows the events of all jobs, or of those of a task.
    pub async fn events(&self, task: Option<&str>) -> Result<EventStream, ClientError> {
        let mut url = self.host_url.join(&["v1", "events"])?;
        if let Some(task) = task {
            url.query_pairs_mut().append_pair("task", task);
        }
        EventStream::connect(self.clone(), url).await
    }

    /// Follows what the tasks of the tenant do.
    pub async fn pulse(&self, query: &PulseQuery) -> Result<EventStream, ClientError> {
        let mut url = self.host_url.join(&["v1", "pulse"])?;
        if let Some(every_s) = query.every_s {
            url.query_pairs_mut().append_pair("every_s", &every_s.to_string());
        }
        EventStream::connect(self.clone(), url).await
    }

    /// Follows the events of one job until it has ended.
    pub async fn job_events(&self, task: &str, id: u64) -> Result<EventStream, ClientError> {
        EventStream::connect(self.clone(), self.job(task, id, Some("events"))?).await
    }

    /// Follows the events and the log of one job until it has ended.
    pub async fn job_feed(&self, task: &str, id: u64) -> Result<EventStream, ClientError> {
        EventStream::connect(self.clone(), self.job(task, id, Some("feed"))?).await
    }

    /// Follows a job's log from its first line until the job has ended.
    pub async fn follow_logs(&self, task: &str, id: u64) -> Result<EventStream, ClientError> {
        let mut url = self.job(task, id, Some("logs"))?;
        url.query_pairs_mut().append_pair("follow", "true");
        EventStream::connect(self.clone(), url).await
    }
}

impl EventStream {
    /// Connects for the first time. An unreachable host is an error and is not retried.
    async fn connect(client: Client, url: Url) -> Result<Self, ClientError> {
        let now = Instant::now();
        let mut stream = Self {
            client,
            url,
            state: State::Disconnected,
            last_event_id: None,
            since: now,
            failures: 0,
            retry_at: now,
        };
        stream.open().await?;
        Ok(stream)
    }

    /// Returns the next item. An error ends the stream: the host refused, or was unreachable for longer than the client
    /// retries. Cancel safe.
    pub async fn next(&mut self) -> Result<StreamItem, ClientError> {
        match &mut self.state {
            State::Connected(events) => Ok(match events.next().await {
                Some(Ok(event)) => StreamItem::Event(self.accept(event)),
                Some(Err(error)) => self.disconnect(why(self.client.url(), error)),
                None => self.disconnect("the host closed it".to_owned()),
            }),
            State::Disconnected => {
                self.reconnect().await?;
                Ok(if matches!(self.state, State::Ended) { StreamItem::End } else { StreamItem::Reconnected })
            }
            State::Ended => Ok(StreamItem::End),
        }
    }

    fn accept(&mut self, event: Event) -> ServerEvent {
        let Event { event: kind, id, data, .. } = event;
        // An id that cannot be sent back is not from a host.
        if let (false, Ok(last_event_id)) = (id.is_empty(), HeaderValue::from_str(&id)) {
            self.last_event_id = Some(last_event_id);
        }
        ServerEvent { kind, id, data }
    }

    fn disconnect(&mut self, why: String) -> StreamItem {
        self.state = State::Disconnected;
        self.failures = if self.since.elapsed() >= STABLE_AFTER { 0 } else { self.failures + 1 };
        self.since = Instant::now();
        self.retry_at = self.since + if self.failures == 0 { Duration::ZERO } else { backoff(self.failures) };
        StreamItem::Disconnected(why)
    }

    async fn reconnect(&mut self) -> Result<(), ClientError> {
        loop {
            tokio::time::sleep_until(self.retry_at).await;
            let error = match self.open().await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            self.failures += 1;
            self.retry_at = Instant::now() + backoff(self.failures);
            if !error.is_transient() || self.retry_at - self.since > self.client.retry_for() {
                return Err(error);
            }
        }
    }

    async fn open(&mut self) -> Result<(), ClientError> {
        let mut request = self.client.http.get(self.url.clone());
        if let Some(last_event_id) = &self.last_event_id {
            request = request.header(LAST_EVENT_ID, last_event_id.clone());
        }
        let response = self.client.send(request, "text/event-stream").await?;
        self.state = match response.status() {
            StatusCode::NO_CONTENT => State::Ended,
            _ => State::Connected(Box::pin(response.bytes_stream().eventsource())),
        };
        self.since = Instant::now();
        Ok(())
    }
}

fn why(url: &str, error: EventStreamError<reqwest::Error>) -> String {
    match error {
        EventStreamError::Transport(error) => match ClientError::from_request(url, &error) {
            ClientError::Unreachable { why, .. } | ClientError::ConnectionLost { why, .. } => why,
            other => other.to_string(),
        },
        EventStreamError::Utf8(error) => error.to_string(),
        EventStreamError::Parser(error) => error.to_string(),
    }
}
