//! Capabilities: what an operator grants ([`Grants`]), what one task has in force ([`Granted`]), and the rules by which a
//! use is allowed.
//!
//! All rules are pure functions: this crate reads no file, resolves no name and opens no connection. A task requests
//! capabilities in its file, which `saggar-definition` reads; the host compares the requests with the grants.

mod access;
mod address;
mod dirs;
mod granted;
mod grants;
mod header;
mod http;
mod kv;
mod methods;
mod network;
mod origin;
mod record;
mod secret;
mod signing;
mod tasks;

pub use access::{Access, JobAccess};
pub use address::AddressClass;
pub use dirs::{DirGrant, DirGranted, is_dir_name};
pub use granted::Granted;
pub use grants::Grants;
pub use header::{HeaderError, header_name};
pub use http::{HttpGrant, HttpGranted};
pub use kv::{KvGrant, KvGranted};
pub use methods::{Method, Methods};
pub use network::{Network, NetworkError};
pub use origin::{OriginError, OriginPattern, Scheme, canonical_host};
pub use record::RecordPolicy;
pub use secret::{SecretGrant, SecretSource, is_secret_name};
pub use signing::{MessagePart, SignatureAlgorithm, SignatureEncoding, SignedMessage, SignedMessageError, Signing};
pub use tasks::{TaskPattern, TaskPatternError, TasksGranted};
