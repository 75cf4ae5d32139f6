//! Compiled code that is in use: several apps of a process may have the same component, whose code is then in memory once.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use wasmtime::component::Component;

use crate::cache::PluginDigest;

/// The code of the plugins in use, by the digest of their files.
#[derive(Default)]
pub(crate) struct SharedCode(Mutex<CodeInUse>);

#[derive(Default)]
struct CodeInUse {
    by_digest: HashMap<PluginDigest, Weak<Component>>,
    /// How many entries there may be before those of dropped code are removed.
    most: usize,
}

impl SharedCode {
    /// Returns the code of a component, if a plugin uses it.
    pub(crate) fn get(&self, digest: &PluginDigest) -> Option<Arc<Component>> {
        self.0.lock().by_digest.get(digest)?.upgrade()
    }

    /// Shares the code of a component from now on. Returns the code to use: if another load of the same file was
    /// faster, its code.
    pub(crate) fn put(&self, digest: PluginDigest, component: Component) -> Arc<Component> {
        let mut code = self.0.lock();
        if let Some(known) = code.by_digest.get(&digest).and_then(Weak::upgrade) {
            return known;
        }
        let component = Arc::new(component);
        code.by_digest.insert(digest, Arc::downgrade(&component));
        if code.by_digest.len() > code.most {
            code.by_digest.retain(|_, code| code.strong_count() > 0);
            code.most = (2 * code.by_digest.len()).max(64);
        }
        component
    }
}
