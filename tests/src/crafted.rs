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

/// Returns a guest with a custom section, so that the component has to be compiled on its own.
pub fn distinct(guest: &str, name: &str) -> Vec<u8> {
    let mut bytes = std::fs::read(guest).unwrap_or_else(|error| panic!("{guest}: {error}"));
    let length = u8::try_from(name.len()).expect("a short name");
    bytes.extend([0, length + 1, length]);
    bytes.extend(name.as_bytes());
    bytes
}
