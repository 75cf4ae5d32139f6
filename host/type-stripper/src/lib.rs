//! Saggar's type stripper: makes JavaScript of TypeScript by blanking out the types, as a component. Scripts can be written
//! in TypeScript without a build step, and errors keep their places.
//!
//! Only what can be erased is supported, as with TypeScript's option `erasableSyntaxOnly`: nothing is generated, so what runs is
//! what the author wrote. `cargo xtask script-runner` builds the component; the host contains it and runs it in a sandbox,
//! because the parser recurses as deep as the source is nested.
//!
//! - `strip`: from text to text.
//! - `eraser`, `members`, `erased`: what is blanked, for each kind of syntax.
//! - `refused`: what cannot be erased, and what to write instead.
//! - `edits`, `trivia`: places in the text.

mod edits;
mod erased;
mod eraser;
mod members;
mod refused;
mod strip;
mod trivia;

#[expect(clippy::allow_attributes_without_reason, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "type-stripper" });
}

use bindings::exports::saggar::types::stripper;

bindings::export!(Stripper with_types_in bindings);

/// The component.
struct Stripper;

impl stripper::Guest for Stripper {
    fn strip(text: String) -> Result<String, Vec<stripper::Diagnostic>> {
        strip::strip(&text)
    }
}
