//! Requests over HTTP.

use std::net::IpAddr;

use crate::address::AddressClass;
use crate::methods::Methods;
use crate::network::Network;
use crate::origin::{OriginPattern, Scheme};
use crate::secret::SecretGrant;

/// What an operator grants of HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpGrant {
    /// The origins that tasks may request.
    pub origins: Vec<OriginPattern>,
    /// The methods that tasks may request.
    pub methods: Methods,
    /// Networks whose addresses may be reached although they are not public.
    pub networks: Vec<Network>,
}

/// What a task has of HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpGranted {
    /// The origins of its requests.
    pub origins: Vec<OriginPattern>,
    /// The methods of its requests.
    pub methods: Methods,
    /// Networks whose addresses may be reached although they are not public.
    pub networks: Vec<Network>,
    /// The secrets that its requests may carry.
    pub secrets: Vec<SecretGrant>,
}

impl HttpGranted {
    /// Returns whether a request to this origin is allowed. `host` is in its canonical spelling.
    pub fn allows_origin(&self, scheme: Scheme, host: &str, port: u16) -> bool {
        self.origins.iter().any(|origin| origin.matches(scheme, host, port))
    }

    /// Returns whether a connection to this address is allowed. Ask for each address that a name resolves to, and connect
    /// to the address that was asked for.
    pub fn allows_address(&self, address: IpAddr) -> bool {
        AddressClass::of(address) == AddressClass::Public
            || self.networks.iter().any(|network| network.contains(address))
    }

    /// Returns a secret that the task may use.
    pub fn secret(&self, name: &str) -> Option<&SecretGrant> {
        self.secrets.iter().find(|secret| secret.name == name)
    }
}
