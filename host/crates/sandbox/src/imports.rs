//! The contract's imports, one file each. They translate and enforce limits; the call's services do the work.

mod context;
mod http;
mod kv;
mod log;
mod progress;
mod tasks;

use crate::bindings::types;
use crate::guest::Guest;

impl types::Host for Guest {}
