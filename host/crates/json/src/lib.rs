//! JSON text: validation, comparison and splitting without building values.
//!
//! Arguments, responses and details of problems are stored as text. The host inspects them only here, because a general
//! JSON library stores numbers as doubles: `18446744073709551616` and `…617` would be equal, and `1e400` an error.
//! No function recurses, so no text can overflow the stack.

mod canonical;
mod number;
mod pointer;
mod reader;

pub use canonical::{canonical, is_same};
pub use pointer::{at, is_pointer, strings, with_value};
pub use reader::{JsonError, MAX_DEPTH, check, items};
