//! Records of attempts. A guest's call depends on its code, its input, and on what it asks of its host. So with the code, a
//! record of the input, the questions and the answers makes the same call again, on any machine and without what the
//! guest used then.
//!
//! In reading order: a [`Question`] with its [`Reply`] is one exchange; an [`Entry`] is one line of a record; a
//! [`Recording`] stands between a guest and the services of its call and writes entries to a [`Journal`]; a [`Record`]
//! is what is read from them; a [`Replay`] answers a guest from it.
//!
//! A call in a warm instance also depends on the calls that the instance has served before. The journal of an instance
//! contains all of them, and so does the record of its last one.

mod asked;
mod effects;
mod entry;
mod exchange;
mod journal;
mod mask;
mod question;
mod record;
mod recording;
mod replay;
mod replay_steps;
mod step_list;

pub use effects::{Effects, Report};
pub use entry::{CallEnd, CallHeader, Entry, FailedEnd, Header, RecordedSource};
pub use exchange::{RecordedHttpError, RecordedRequest, RecordedResponse};
pub use journal::Journal;
pub use mask::masked;
pub use question::{Question, RecordedJob, RecordedProblem, RecordedStatus, Reply};
pub use record::{Document, Record, RecordError, RecordedCall, Step};
pub use recording::Recording;
pub use replay::Replay;
pub use replay_steps::{Divergence, ReplayMode, ReplayResult};
