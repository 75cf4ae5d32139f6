//! Write Saggar task processors and event handlers in Rust.
//!
//! A plugin is a module. The host calls its marked functions, with typed arguments and a typed result:
//!
//! ```
//! #[saggar_guest::plugin]
//! mod greet {
//!     use saggar_guest::prelude::*;
//!
//!     #[processor]
//!     fn greet(job: &Job, name: String, times: Option<u32>) -> Result<String, Failure> {
//!         let times = times.unwrap_or(1);
//!         if times > 100 {
//!             return Err(Failure::reject("too-often", format!("{times} times is more than 100")));
//!         }
//!         job.progress(1, 1, "greeted");
//!         Ok(format!("Hello, {name}! ").repeat(times as usize))
//!     }
//!
//!     #[on_success]
//!     fn told(job: &Job, response: String) {
//!         log::info!("job {}: {response}", job.id());
//!     }
//! }
//! # use saggar_guest::{json, testing::FakeHost};
//! # fn main() {
//! # assert_eq!(FakeHost::new().process::<greet::Plugin>(("Ada",)).unwrap(), json!("Hello, Ada! "));
//! # FakeHost::new().on_success::<greet::Plugin>("Hello").unwrap();
//! # }
//! ```
//!
//! A component exports only the roles that its plugin has functions for: [`processor`], [`next`], [`on_add`],
//! [`on_progress`], [`on_success`], [`on_error`]. A role can have several functions; a task's reference selects one by
//! the name after `#`.
//!
//! The README of this package shows how to set up, test and build a plugin.

mod call;
mod failure;
mod job;
mod problem;

pub mod log;
pub mod prelude;
pub mod role;
pub mod tasks;

mod arguments;

#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
#[cfg(target_arch = "wasm32")]
mod wasm;

#[cfg(not(target_arch = "wasm32"))]
use testing as host;
#[cfg(target_arch = "wasm32")]
use wasm as host;

pub use saggar_guest_macros::{next, on_add, on_error, on_progress, on_success, plugin, processor};
pub use serde_json::value::RawValue;
pub use serde_json::{Value, json};

pub use self::failure::{Failure, OrFail};
pub use self::job::{Job, Progress};
pub use self::problem::Problem;

/// What the code that `#[plugin]` generates needs; not part of the API.
#[doc(hidden)]
pub mod __private {
    pub use crate::arguments::{Arguments, Parameter, failable, from_response, next_id, to_json};
    #[cfg(target_arch = "wasm32")]
    pub use crate::wasm::{bindings, exports::Export};
}

/// Exports one role of a plugin from the component.
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($role:ident, $plugin:ident) => {
        const _: () = {
            type Exported = $crate::__private::Export<$plugin>;
    $crate::__private::bindings::$role::export!(Exported with_types_in $crate::__private::bindings::$role);
        };
    };
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
