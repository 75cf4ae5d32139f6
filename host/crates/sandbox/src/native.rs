//! Native code that may run in this process, and the one place where it becomes executable.

use wasmtime::component::Component;

/// Native code that our compiler has made. It cannot be had for bytes of any other origin.
pub(crate) struct TrustedCode<'a>(&'a [u8]);

impl<'a> TrustedCode<'a> {
    /// What a compiler has answered that this process has started.
    pub(crate) fn just_compiled(code: &'a [u8]) -> Self {
        Self(code)
    }

    /// What this user's host has compiled before: the caller has verified its MAC.
    pub(crate) fn authenticated(code: &'a [u8]) -> Self {
        Self(code)
    }

    /// Makes a component of it that can be instantiated.
    #[expect(unsafe_code, reason = "native code of our own compiler, which is what the type of `self` stands for")]
    pub(crate) fn deserialize(&self, engine: &wasmtime::Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes are what `Engine::precompile_component` answered, unchanged: they came from the compiler that this
        // process has started, or from a file with a valid HMAC under a key that only this user has. wasmtime itself refuses
        // code of another version or configuration.
        unsafe { Component::deserialize(engine, self.0) }
    }
}
