//! What is encoded, and how it is passed to the process that encodes it.

use std::io::{self, Read};

use saggar_job::Role;
use serde::{Deserialize, Serialize};

use crate::invalid_bytes::MAX_BYTES;

/// Maximum bytes of the head of a request: the names of roles and adapters.
const MAX_HEAD: u64 = 64 << 10;

/// A core module that implements an interface of older modules by the imports of components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapter {
    /// The module that it implements, such as `wasi_snapshot_preview1`.
    pub name: String,
    /// The core module.
    pub bytes: Vec<u8>,
}

/// A core module to encode as a component.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EncodeRequest {
    /// The core module.
    pub module: Vec<u8>,
    /// The roles that it implements. If empty, those that it exports the functions of.
    pub roles: Vec<Role>,
    /// Adapters, in addition to the one of `wasi_snapshot_preview1`, or in place of it.
    pub adapters: Vec<Adapter>,
}

/// The head of a request. The adapters and the module follow it.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    roles: Vec<String>,
    /// Name and length of each adapter.
    adapters: Vec<(String, u64)>,
}

impl EncodeRequest {
    /// Returns what is passed to the process, in order.
    pub(crate) fn into_parts(self) -> io::Result<Vec<Vec<u8>>> {
        let roles = self.roles.iter().map(|role| role.interface().to_owned()).collect();
        let adapters = self.adapters.iter().map(|adapter| (adapter.name.clone(), adapter.bytes.len() as u64)).collect();
        let json = serde_json::to_vec(&Head { roles, adapters })?;
        let length = json.len() as u64;
        if length > MAX_HEAD {
            return Err(io::Error::other("the names of the adapters are too long"));
        }
        let head = [&length.to_le_bytes()[..], &json].concat();
        let adapters = self.adapters.into_iter().map(|adapter| adapter.bytes);
        Ok([head].into_iter().chain(adapters).chain([self.module]).collect())
    }
}

/// Reads a request to its end.
pub(crate) fn read_request(mut from: impl Read) -> io::Result<EncodeRequest> {
    let mut length = [0; 8];
    from.read_exact(&mut length)?;
    let head: Head = serde_json::from_slice(&read_part(&mut from, u64::from_le_bytes(length), MAX_HEAD)?)?;
    let roles = Role::ALL.into_iter().filter(|role| head.roles.iter().any(|name| name == role.interface())).collect();
    let mut adapters = Vec::new();
    for (name, length) in head.adapters {
        adapters.push(Adapter { name, bytes: read_part(&mut from, length, MAX_BYTES)? });
    }
    let mut module = Vec::new();
    from.take(MAX_BYTES + 1).read_to_end(&mut module)?;
    Ok(EncodeRequest { module, roles, adapters })
}

fn read_part(from: &mut impl Read, length: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut part = Vec::new();
    from.take(length.min(most)).read_to_end(&mut part)?;
    if part.len() as u64 == length { Ok(part) } else { Err(io::Error::other("the request is truncated")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_written_and_truncated_ones_are_refused() {
        let adapter = |name: &str, bytes: &[u8]| Adapter { name: name.into(), bytes: bytes.to_vec() };
        let request = EncodeRequest {
            module: b"module".to_vec(),
            roles: vec![Role::IdSource, Role::Processor],
            adapters: vec![adapter("a", b"first"), adapter("b", b"")],
        };
        let written = request.clone().into_parts().unwrap().concat();
        assert_eq!(read_request(&*written).unwrap(), request);
        for length in 0..written.len() - b"module".len() {
            assert!(read_request(&written[..length]).is_err(), "{length} bytes");
        }
        assert!(read_request(&[&u64::MAX.to_le_bytes()[..], b"{}"].concat()[..]).is_err());
    }
}
