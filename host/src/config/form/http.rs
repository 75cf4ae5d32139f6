//! What belongs to the network: addresses, here and elsewhere, and names that others are told.

use std::net::{Ipv4Addr, SocketAddr};

use reqwest::Url;
use serde_json::{Value, json};

use super::{Form, Reader, Slot};

/// Where to listen.
pub(crate) struct Address {
    /// A port of 127.0.0.1.
    pub(crate) default_port: u16,
}

/// Where somebody takes what is sent over HTTP, or nowhere.
pub(crate) struct Receiver;

/// Where a receiver takes traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// As it was given.
    given: String,
    /// The whole address.
    pub(crate) address: String,
}

/// Where a receiver takes traces, below its address.
const TRACES: &str = "/v1/traces";

impl Endpoint {
    fn new(given: &str, is_whole: bool) -> Self {
        let base = given.trim_end_matches('/');
        let address = if is_whole || base.ends_with(TRACES) { given.to_owned() } else { format!("{base}{TRACES}") };
        Self { given: given.to_owned(), address }
    }
}

/// A name that others are told.
pub(crate) struct Label {
    pub(crate) default: &'static str,
    /// Characters of the longest.
    pub(crate) longest: usize,
}

impl Form for Address {
    type Value = SocketAddr;

    fn wanted(&self) -> String {
        "an IP address with a port".to_owned()
    }

    fn example(&self) -> &'static str {
        "\"0.0.0.0:7717\""
    }

    fn fallback(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.default_port).into()
    }

    fn read(&self, slot: &Slot<'_>, reader: &mut Reader) -> Option<SocketAddr> {
        let text = reader.text(self, slot)?;
        match (text.parse(), text.split_once(':')) {
            (Ok(address), _) => Some(address),
            // A name may stand for several addresses.
            (_, Some(("localhost", port))) => {
                reader.refuse_with(self, slot, format!("write \"127.0.0.1:{port}\" or \"[::1]:{port}\""))
            }
            (_, Some(("" | "*", port))) => {
                let help = format!("write \"127.0.0.1:{port}\" for this machine alone, \"0.0.0.0:{port}\" for all");
                reader.refuse_with(self, slot, help)
            }
            _ => reader.refuse(self, slot),
        }
    }

    fn shown(&self, value: &SocketAddr) -> Value {
        json!(value.to_string())
    }
}

impl Form for Receiver {
    type Value = Option<Endpoint>;

    fn wanted(&self) -> String {
        "the address of a receiver, with http:// or https://".to_owned()
    }

    fn example(&self) -> &'static str {
        "\"http://127.0.0.1:4318\""
    }

    fn fallback(&self) -> Option<Endpoint> {
        None
    }

    fn read(&self, slot: &Slot<'_>, reader: &mut Reader) -> Option<Option<Endpoint>> {
        let text = reader.text(self, slot)?.trim();
        let Some(url) = Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme())) else {
            return reader.refuse(self, slot);
        };
        // They would stand in the log, and in what the configuration shows.
        if !url.username().is_empty() || url.password().is_some() {
            let help = "give what the receiver wants to see by the variable OTEL_EXPORTER_OTLP_HEADERS";
            return reader.refuse_with(self, slot, help);
        }
        Some(Some(Endpoint::new(text, reader.is_whole_address())))
    }

    fn shown(&self, value: &Option<Endpoint>) -> Value {
        json!(value.as_ref().map(|endpoint| &endpoint.given))
    }
}

impl Form for Label {
    type Value = String;

    fn wanted(&self) -> String {
        format!("one line of at most {} characters", self.longest)
    }

    fn example(&self) -> &'static str {
        "\"saggar-mail\""
    }

    fn fallback(&self) -> String {
        self.default.to_owned()
    }

    fn read(&self, slot: &Slot<'_>, reader: &mut Reader) -> Option<String> {
        let text = reader.text(self, slot)?.trim();
        let is_sound = !text.is_empty() && text.chars().count() <= self.longest && !text.contains(char::is_control);
        if is_sound { Some(text.to_owned()) } else { reader.refuse(self, slot) }
    }

    fn shown(&self, value: &String) -> Value {
        json!(value)
    }
}
