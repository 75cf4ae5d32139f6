//! A client of server-sent events for tests: it returns one event at a time, and every wait has a time limit.

use std::pin::Pin;

use eventsource_stream::{Event, EventStreamError, Eventsource};
use futures_util::{Stream, StreamExt};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response};
use serde_json::Value;

use crate::timeout::within;

/// A subscriber. Dropping it closes the connection, even in the middle of an event.
pub struct Follower {
    events: Pin<Box<dyn Stream<Item = Result<Event, EventStreamError<reqwest::Error>>> + Send>>,
}

/// A received event.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedEvent {
    /// The id; empty if the event has none.
    pub id: String,
    /// The name.
    pub name: String,
    /// The data.
    pub data: Value,
}

impl ReceivedEvent {
    /// Returns the number in the event's id, which must be an id of a host.
    pub fn number(&self) -> u64 {
        let number = self.id.rsplit_once('-').and_then(|(_, number)| u64::from_str_radix(number, 16).ok());
        number.unwrap_or_else(|| panic!("no id of an event: {self:?}"))
    }
}

/// Requests the stream, optionally from after the event with this id.
pub async fn ask(client: &Client, url: &str, after: Option<&str>) -> Response {
    let mut request = client.get(url);
    if let Some(id) = after {
        request = request.header("last-event-id", id);
    }
    within(url, request.send()).await.unwrap_or_else(|error| panic!("{url}: {error:?}"))
}

/// Subscribes, optionally from after the event with this id.
pub async fn follow(client: &Client, url: &str, after: Option<&str>) -> Follower {
    let answer = ask(client, url, after).await;
    assert_eq!(answer.status(), 200, "{url}");
    assert_eq!(answer.headers()[CONTENT_TYPE], "text/event-stream", "{url}");
    Follower { events: answer.bytes_stream().eventsource().boxed() }
}

impl Follower {
    /// Waits for the next event; returns `None` at the end of the response.
    pub async fn next(&mut self) -> Option<ReceivedEvent> {
        let next = within("the next event", self.events.next()).await?;
        let event = next.unwrap_or_else(|error| panic!("the response was cut off: {error}"));
        let data = serde_json::from_str(&event.data).unwrap_or_else(|error| panic!("{event:?}: {error}"));
        Some(ReceivedEvent { id: event.id, name: event.event, data })
    }

    /// Waits for the next event with this name, skipping others.
    pub async fn until(&mut self, name: &str) -> ReceivedEvent {
        loop {
            let received = self.next().await.unwrap_or_else(|| panic!("the answer ended without `{name}`"));
            if received.name == name {
                return received;
            }
        }
    }

    /// Returns the names of all events until the response ends.
    pub async fn rest(mut self) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(received) = self.next().await {
            names.push(received.name);
        }
        names
    }
}
