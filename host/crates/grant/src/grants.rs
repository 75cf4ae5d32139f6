//! What an operator grants to the tasks of an app.

use crate::access::JobAccess;
use crate::dirs::DirGrant;
use crate::http::HttpGrant;
use crate::kv::KvGrant;
use crate::secret::SecretGrant;

/// What an operator grants to the tasks of an app. A task gets what it requests of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// Requests over HTTP.
    pub http: Option<HttpGrant>,
    /// Values that the host puts into requests.
    pub secrets: Vec<SecretGrant>,
    /// The key-value store.
    pub kv: Option<KvGrant>,
    /// Names of environment variables of the host.
    pub env: Vec<String>,
    /// Directories.
    pub dirs: Vec<DirGrant>,
    /// The most bytes of a scratch directory.
    pub scratch: Option<u64>,
    /// The most that a task may request of other jobs.
    pub tasks: JobAccess,
}

impl Grants {
    /// Returns the grants to the only app of a host, if the operator writes none: the jobs of the app are all its own.
    pub fn of_single_app() -> Self {
        Self { tasks: JobAccess::All, ..Self::of_tenant() }
    }

    /// Returns the grants to a tenant, if the operator writes none.
    pub fn of_tenant() -> Self {
        Self {
            http: None,
            secrets: Vec::new(),
            kv: None,
            env: Vec::new(),
            dirs: Vec::new(),
            scratch: None,
            tasks: JobAccess::Added,
        }
    }

    /// Returns the secret with this name.
    pub fn secret(&self, name: &str) -> Option<&SecretGrant> {
        self.secrets.iter().find(|secret| secret.name == name)
    }

    /// Returns the directory with this name.
    pub fn dir(&self, name: &str) -> Option<&DirGrant> {
        self.dirs.iter().find(|dir| dir.name == name)
    }
}

impl Default for Grants {
    /// Nothing that an operator has to think of.
    fn default() -> Self {
        Self::of_tenant()
    }
}
