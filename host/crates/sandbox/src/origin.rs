//! Where a component comes from: a file of an app, or the host itself.

use std::fs::File;
use std::sync::Arc;

use wasmtime::component::Component;

use crate::cache::PluginDigest;
use crate::engine::{self, Engine};
use crate::runtime::Runtime;

/// Where a component comes from, which decides what it may import.
#[derive(Clone)]
pub(crate) enum Origin {
    /// A file of an app: a plugin.
    File(Arc<File>),
    /// The host: its script runner, or its type stripper.
    Own(&'static [u8]),
}

impl Origin {
    /// Returns what instances of the component are made with; the error says why it cannot start.
    pub(crate) fn runtime<'a>(&self, engine: &'a engine::Inner) -> Result<&'a Runtime, String> {
        match self {
            Self::File(_) => Ok(&engine.plugins),
            Self::Own(_) => engine.own_components(),
        }
    }

    /// Shares the code of a plugin; the host's own components are loaded once as it is, and by another runtime.
    pub(crate) fn share(&self, engine: &Engine, digest: PluginDigest, component: Component) -> Arc<Component> {
        match self {
            Self::File(_) => engine.0.shared_code.put(digest, component),
            Self::Own(_) => Arc::new(component),
        }
    }

    /// Returns the code of a component that a plugin uses already.
    pub(crate) fn shared(&self, engine: &Engine, digest: &PluginDigest) -> Option<Arc<Component>> {
        match self {
            Self::File(_) => engine.0.shared_code.get(digest),
            Self::Own(_) => None,
        }
    }
}
