//! Components that no compiler would make: hand-written attacks, incompatible components, and malformed files.

mod attacks;
mod bombs;
mod encode;
mod malformed;
mod strangers;

pub use attacks::attack;
pub use bombs::{BOMBS, bomb, slow_to_compile};
pub use encode::{component_from_core_wat, component_from_wit, contract};
pub use malformed::{cut_every_4_kib, malformed};
pub use strangers::stranger;
