//! Networks of addresses, written like `10.1.0.0/16`.

use std::fmt;
use std::net::IpAddr;

use thiserror::Error;

/// A network: all addresses with the same first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    /// The first address. The bits after the prefix are zero.
    first: IpAddr,
    /// How many bits are the same.
    prefix: u8,
}

/// Why a text is not a network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NetworkError {
    /// It does not begin with an address.
    #[error("write an address and the length of its prefix, for example `10.1.0.0/16` or `fd00::/8`")]
    Address,
    /// The length of the prefix is not a number, or too large.
    #[error("the length of the prefix must be a number from 0 to {0}")]
    Prefix(u8),
    /// Bits after the prefix are set.
    #[error("the address has more bits than its prefix; write `{0}`")]
    HostBits(Network),
}

impl Network {
    /// Parses an address with the length of its prefix, or a single address.
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Address)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(prefix) => {
                let is_number = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
                let length = prefix.parse::<u8>().ok().filter(|length| is_number && *length <= bits);
                length.ok_or(NetworkError::Prefix(bits))?
            }
        };
        let network = Self { first: first_of(address, prefix), prefix };
        if network.first == address { Ok(network) } else { Err(NetworkError::HostBits(network)) }
    }

    /// Returns whether the address is in the network. An IPv4 address that is mapped into IPv6 counts as the IPv4
    /// address that a connection to it would reach.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && first_of(address, self.prefix) == self.first
    }
}

/// Returns the address with only the first `prefix` bits.
fn first_of(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_the_addresses_with_its_prefix() {
        for (network, address, is_inside) in [
            ("10.1.0.0/16", "10.1.255.1", true),
            ("10.1.0.0/16", "10.2.0.1", false),
            ("10.1.0.0/16", "::ffff:10.1.2.3", true),
            ("10.1.0.0/16", "64:ff9b::a01:203", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "::1", false),
            ("fd00::/8", "fdff::1", true),
            ("::/0", "::1", true),
            ("::/0", "127.0.0.1", false),
        ] {
            let parsed = Network::parse(network).expect(network);
            assert_eq!(parsed.contains(address.parse().expect(address)), is_inside, "{network} {address}");
        }
    }

    #[test]
    fn a_network_has_no_bits_after_its_prefix() {
        let error = Network::parse("10.1.2.3/16").expect_err("bits after the prefix");
        assert_eq!(error.to_string(), "the address has more bits than its prefix; write `10.1.0.0/16`");
        for text in [
            "",
            "10",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "::/129",
            "example.com/8",
            "010.0.0.0/8",
        ] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }
}
