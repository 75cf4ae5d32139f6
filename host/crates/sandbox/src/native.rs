//! Native code that may run in this process, and the only function that makes it executable.

use wasmtime::component::Component;

/// Native code that our compiler produced. Bytes of any other origin cannot be converted to this type.
pub(crate) struct TrustedCode<'a>(&'a [u8]);

impl<'a> TrustedCode<'a> {
    /// Wraps code from a compiler process that this process started.
    pub(crate) fn just_compiled(code: &'a [u8]) -> Self {
        Self(code)
    }

    /// Wraps code that this user's host compiled before. The caller has verified its MAC.
    pub(crate) fn authenticated(code: &'a [u8]) -> Self {
        Self(code)
    }

    /// Turns the code into a component that can be instantiated.
    #[expect(unsafe_code, reason = "the type of `self` guarantees that our compiler produced the code")]
    pub(crate) fn deserialize(&self, engine: &wasmtime::Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes are the unchanged result of `Engine::precompile_component`. They come from the compiler
        // that this process started, or from a file with a valid HMAC under a key that only this user has. wasmtime
        // refuses code of another version or configuration.
        unsafe { Component::deserialize(engine, self.0) }
    }
}
