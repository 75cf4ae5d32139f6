//! What belongs to the network: addresses.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

use super::{Form, Reader, Slot};

/// Where to listen.
pub(crate) struct Address {
    /// A port of 127.0.0.1.
    pub(crate) default_port: u16,
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
