//! What guests can and cannot do with the directories of a session.

#![expect(clippy::unwrap_used, reason = "clippy exempts test functions, but not their helpers")]

#[path = "session/bounds.rs"]
mod bounds;
#[path = "session/escapes.rs"]
mod escapes;
#[path = "session/fixture.rs"]
mod fixture;
#[path = "session/operations.rs"]
mod operations;
#[path = "session/random.rs"]
mod random;
