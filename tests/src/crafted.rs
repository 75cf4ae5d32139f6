//! Components that compilers do not produce: hand-written attacks, incompatible components, and malformed files.

mod attacks;
mod bombs;
mod encode;
mod incompatible;
mod malformed;

pub use attacks::attack;
pub use bombs::{BOMBS, bomb, slow_to_compile};
pub use encode::{component_from_core_wat, component_from_wit, component_with_own_handles, contract};
pub use incompatible::incompatible;
pub use malformed::{cut_every_4_kib, malformed};
