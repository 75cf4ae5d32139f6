//! The contract's imports, one file each. They translate and bound; what happens is the call's services' to say.

mod context;
mod log;
mod progress;
mod tasks;

use crate::bindings::types;
use crate::guest::Guest;

impl types::Host for Guest {}
