//! Names to addresses.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};

/// Resolves names. Every connection asks again; nothing is remembered.
pub trait Resolve: Send + Sync + 'static {
    /// Returns the addresses of a name. May block.
    fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
    }
}
