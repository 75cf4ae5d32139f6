//! JSON text as it is: checked, compared and taken apart without building values.
//!
//! Arguments, responses and problems' details are kept as text. Wherever the host looks into them it does so here, because
//! a value of a general JSON library holds numbers as doubles: `18446744073709551616` and `…617` would be one number, and
//! `1e400` an error. Nothing here recurses, so no text overflows the stack.

mod canonical;
mod number;
mod reader;

pub use canonical::{canonical, is_same};
pub use reader::{JsonError, MAX_DEPTH, check, items};
