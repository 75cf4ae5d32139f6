//! What a task has in force.

use crate::dirs::DirGranted;
use crate::http::HttpGranted;
use crate::kv::KvGranted;
use crate::record::RecordPolicy;
use crate::tasks::TasksGranted;

/// What a task has in force: what it requests, all of which is granted. The default is what a task has that requests
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Granted {
    /// Requests over HTTP.
    pub http: Option<HttpGranted>,
    /// The key-value store.
    pub kv: Option<KvGranted>,
    /// The tasks of its app.
    pub tasks: TasksGranted,
    /// Environment variables and their values.
    pub env: Vec<(String, String)>,
    /// Directories of the host.
    pub dirs: Vec<DirGranted>,
    /// Bytes of a directory for each attempt.
    pub scratch: Option<u64>,
    /// Which of its attempts are recorded.
    pub record: RecordPolicy,
    /// JSON pointers into the arguments whose values are replaced in records.
    pub mask: Vec<String>,
}
