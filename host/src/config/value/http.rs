//! Network values: listening addresses, a collector's URL, and its name for this service.

use std::net::{Ipv4Addr, SocketAddr};

use reqwest::Url;
use serde_json::{Value, json};

use super::{Field, Reader, ValueType};

/// An address to listen on.
pub(crate) struct ListenAddress {
    /// The port of the default address; its IP address is 127.0.0.1.
    pub(crate) default_port: u16,
}

/// The URL of a collector, or none.
pub(crate) struct OtlpEndpoint;

/// The endpoint of a collector that receives traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The URL as given.
    given: String,
    /// The full URL of the endpoint.
    pub(crate) address: String,
}

/// The path of traces below a collector's base URL.
const TRACES: &str = "/v1/traces";

impl Endpoint {
    fn new(given: &str, is_full: bool) -> Self {
        let base = given.trim_end_matches('/');
        let address = if is_full || base.ends_with(TRACES) { given.to_owned() } else { format!("{base}{TRACES}") };
        Self { given: given.to_owned(), address }
    }
}

/// The name of the service in traces.
pub(crate) struct ServiceName {
    pub(crate) default: &'static str,
    /// Maximum length in characters.
    pub(crate) max_chars: usize,
}

impl ValueType for ListenAddress {
    type Value = SocketAddr;

    fn expected(&self) -> String {
        "an IP address with a port".to_owned()
    }

    fn example(&self) -> &'static str {
        "\"0.0.0.0:7717\""
    }

    fn default(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.default_port).into()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader) -> Option<SocketAddr> {
        let text = reader.text(self, field)?;
        match (text.parse(), text.split_once(':')) {
            (Ok(address), _) => Some(address),
            // Host names are not accepted, because they can have several addresses.
            (_, Some(("localhost", port))) => {
                reader.reject_with(self, field, format!("write \"127.0.0.1:{port}\" or \"[::1]:{port}\""))
            }
            (_, Some(("" | "*", port))) => {
                let help =
                    format!("write \"127.0.0.1:{port}\" for this machine only, \"0.0.0.0:{port}\" for all machines");
                reader.reject_with(self, field, help)
            }
            _ => reader.reject(self, field),
        }
    }

    fn to_json(&self, value: &SocketAddr) -> Value {
        json!(value.to_string())
    }
}

impl ValueType for OtlpEndpoint {
    type Value = Option<Endpoint>;

    fn expected(&self) -> String {
        "the URL of a collector, with http:// or https://".to_owned()
    }

    fn example(&self) -> &'static str {
        "\"http://127.0.0.1:4318\""
    }

    fn default(&self) -> Option<Endpoint> {
        None
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader) -> Option<Option<Endpoint>> {
        let text = reader.text(self, field)?.trim();
        let Some(url) = Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme())) else {
            return reader.reject(self, field);
        };
        // Refuse credentials, because they would appear in the log and in `saggar config`.
        if !url.username().is_empty() || url.password().is_some() {
            let help = "send credentials with the variable OTEL_EXPORTER_OTLP_HEADERS";
            return reader.reject_with(self, field, help);
        }
        Some(Some(Endpoint::new(text, reader.is_full_url())))
    }

    fn to_json(&self, value: &Option<Endpoint>) -> Value {
        json!(value.as_ref().map(|endpoint| &endpoint.given))
    }
}

impl ValueType for ServiceName {
    type Value = String;

    fn expected(&self) -> String {
        format!("one line of at most {} characters", self.max_chars)
    }

    fn example(&self) -> &'static str {
        "\"saggar-mail\""
    }

    fn default(&self) -> String {
        self.default.to_owned()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader) -> Option<String> {
        let text = reader.text(self, field)?.trim();
        let is_valid = !text.is_empty() && text.chars().count() <= self.max_chars && !text.contains(char::is_control);
        if is_valid { Some(text.to_owned()) } else { reader.reject(self, field) }
    }

    fn to_json(&self, value: &String) -> Value {
        json!(value)
    }
}
