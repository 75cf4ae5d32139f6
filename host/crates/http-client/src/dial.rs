//! Connecting: the name is resolved, each address is checked, and the connection goes to an address that was checked.
//! Nothing resolves the name again after the check.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustls::pki_types::ServerName;
use saggar_grant::{AddressClass, HttpGranted, Network, Scheme};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::HttpClient;
use crate::connection::{Connection, Stream};
use crate::exchange::{HttpError, HttpErrorKind};
use crate::target::Target;

/// Maximum addresses of a name that are tried.
const MAX_ADDRESSES: usize = 8;

/// How long one of several addresses is tried.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(3);

/// Returns whether a task may reach an address. A metadata service gives out credentials, so a network of many addresses
/// does not include it: it must be granted by its own address.
pub(crate) fn allows(granted: &HttpGranted, address: IpAddr) -> bool {
    match AddressClass::of(address) {
        AddressClass::Metadata => {
            let own = Network::parse(&address.to_canonical().to_string());
            own.is_ok_and(|own| granted.networks.contains(&own))
        }
        _ => granted.allows_address(address),
    }
}

/// Returns the addresses that may be reached of those that a name has; fails if there is none.
pub(crate) fn allowed_addresses(
    granted: &HttpGranted,
    target: &Target,
    addresses: Vec<IpAddr>,
) -> Result<Vec<IpAddr>, HttpError> {
    // A mapped address is reached over IPv4, and is checked as what it is.
    let mut addresses: Vec<_> = addresses.into_iter().map(|address| address.to_canonical()).collect();
    addresses.truncate(MAX_ADDRESSES);
    let Some(first) = addresses.first().copied() else {
        return Err(HttpError::new(HttpErrorKind::UnknownName, format!("`{}` has no address", target.host)));
    };
    addresses.retain(|address| allows(granted, *address));
    if addresses.is_empty() {
        let class = AddressClass::of(first);
        let message = format!(
            "{} is at a {class} address, and no network that the operator grants (`grants.http.networks`) includes it",
            target.origin()
        );
        return Err(HttpError::new(HttpErrorKind::AddressDenied, message));
    }
    Ok(addresses)
}

/// Connects to the first of the addresses that answers, which all have been checked.
pub(crate) async fn connect(
    target: &Target,
    addresses: &[IpAddr],
    client: &HttpClient,
) -> Result<Connection, HttpError> {
    let (stream, address) = connect_tcp(target, addresses).await?;
    let stream: Box<dyn Stream> = match target.scheme {
        Scheme::Http => Box::new(stream),
        Scheme::Https => {
            let failed = |why: String| {
                let message = format!("no TLS with {}: {why}", target.origin());
                HttpError::new(HttpErrorKind::TlsFailed, message)
            };
            let name = server_name(target).ok_or_else(|| failed("the host is not a valid name".to_owned()))?;
            Box::new(client.tls().await.connect(name, stream).await.map_err(|error| failed(error.to_string()))?)
        }
    };
    Connection::new(stream, address).await
}

async fn connect_tcp(target: &Target, addresses: &[IpAddr]) -> Result<(TcpStream, IpAddr), HttpError> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        let connecting = TcpStream::connect(SocketAddr::new(*address, target.port));
        let connected = if addresses.len() > 1 {
            timeout(ADDRESS_TIMEOUT, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        } else {
            connecting.await
        };
        match connected {
            Ok(stream) => {
                // Requests are written at once; there is nothing to wait for.
                let _ = stream.set_nodelay(true);
                return Ok((stream, *address));
            }
            Err(error) => last = error,
        }
    }
    let message = format!("cannot connect to {}: {last}", target.origin());
    Err(HttpError::new(HttpErrorKind::ConnectionFailed, message))
}

fn server_name(target: &Target) -> Option<ServerName<'static>> {
    match target.address() {
        Some(address) => Some(ServerName::from(address)),
        None => ServerName::try_from(target.host.clone()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use saggar_grant::Methods;

    use super::*;

    fn granted(networks: &[&str]) -> HttpGranted {
        let networks = networks.iter().map(|network| Network::parse(network).unwrap()).collect();
        HttpGranted { origins: Vec::new(), methods: Methods::ALL, networks, secrets: Vec::new() }
    }

    fn check(networks: &[&str], addresses: &[&str]) -> Result<Vec<String>, HttpErrorKind> {
        let target = Target::parse("https://name.example").unwrap();
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let allowed = allowed_addresses(&granted(networks), &target, addresses);
        allowed.map(|all| all.iter().map(ToString::to_string).collect()).map_err(|error| error.kind)
    }

    #[test]
    fn addresses_that_are_not_public_are_denied() {
        for address in [
            "127.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:7f00:1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "169.254.169.254",
            "::ffff:a9fe:a9fe",
            "fd00:ec2::254",
            "100.100.100.200",
            "168.63.129.16",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "0.0.0.0",
            "::",
            "fe80::1",
            "fc00::1",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            assert_eq!(check(&[], &[address]), Err(HttpErrorKind::AddressDenied), "{address}");
        }
        assert_eq!(
            check(&[], &["93.184.216.34", "2606:4700::1"]),
            Ok(vec!["93.184.216.34".into(), "2606:4700::1".into()])
        );
        assert_eq!(check(&[], &[]), Err(HttpErrorKind::UnknownName));
    }

    #[test]
    fn only_allowed_ones_of_several_addresses_are_tried() {
        assert_eq!(check(&[], &["10.0.0.1", "1.1.1.1", "127.0.0.1"]), Ok(vec!["1.1.1.1".into()]));
        assert_eq!(check(&["10.0.0.0/8"], &["::ffff:10.0.0.1", "127.0.0.1"]), Ok(vec!["10.0.0.1".into()]));
    }

    /// A network that happens to include it is not enough.
    #[test]
    fn a_metadata_service_is_granted_by_its_own_address() {
        for networks in [&["0.0.0.0/0", "::/0"][..], &["169.254.0.0/16"], &["169.254.169.254/31"]] {
            assert_eq!(check(networks, &["169.254.169.254"]), Err(HttpErrorKind::AddressDenied), "{networks:?}");
            assert_eq!(check(networks, &["::ffff:169.254.169.254"]), Err(HttpErrorKind::AddressDenied), "{networks:?}");
        }
        assert!(check(&["169.254.169.254"], &["169.254.169.254"]).is_ok());
        assert!(check(&["169.254.169.254/32"], &["::ffff:169.254.169.254"]).is_ok());
        assert!(check(&["169.254.0.0/16"], &["169.254.1.1"]).is_ok());
    }

    #[test]
    fn the_name_in_a_certificate_is_that_of_the_url() {
        let name = |url: &str| server_name(&Target::parse(url).unwrap());
        assert_eq!(name("https://Example.com."), Some(ServerName::try_from("example.com").unwrap()));
        assert_eq!(name("https://[::1]:8443"), Some(ServerName::from("::1".parse::<IpAddr>().unwrap())));
    }
}
