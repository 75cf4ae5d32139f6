//! A loaded plugin: a component, or a script with its runner, that is ready to run.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use saggar_job::Role;
use saggar_tenant::Flow;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

use crate::contract::RoleError;
use crate::engine;
use crate::guest::Guest;
use crate::pool::{Capacity, CapacityPermit};
use crate::script::Script;

/// A component, or a script with its runner, that is ready to run. Cheap to clone.
#[derive(Clone)]
pub struct Plugin(pub(crate) Arc<Loaded>);

pub(crate) struct Loaded {
    pub(crate) engine: Arc<engine::Inner>,
    /// The capacity of its runtime, where that is smaller than the engine's.
    pub(crate) capacity: Option<Capacity>,
    pub(crate) pre: InstancePre<Guest>,
    /// Keeps the code shared while the plugin is in use.
    pub(crate) code: Arc<Component>,
    /// Units of capacity that one instance takes.
    pub(crate) units: u32,
    pub(crate) path: PathBuf,
    pub(crate) digest: Arc<str>,
    pub(crate) size: u64,
    pub(crate) imports: Vec<String>,
    pub(crate) roles: Vec<(Role, Result<ComponentExportIndex, RoleError>)>,
    /// What the script runner runs; `None` for a plugin.
    pub(crate) script: Option<Arc<Script>>,
}

/// What an instance holds as long as it exists.
pub(crate) struct InstancePermit {
    _of_runtime: Option<CapacityPermit>,
    _of_engine: CapacityPermit,
}

impl Loaded {
    /// Creates what runs `script`; `self` is the script runner.
    pub(crate) fn with_script(&self, entry: &str, digest: String, script: Script) -> Plugin {
        Plugin(Arc::new(Self {
            engine: self.engine.clone(),
            capacity: self.capacity.clone(),
            pre: self.pre.clone(),
            code: self.code.clone(),
            units: self.units,
            path: entry.into(),
            digest: digest.into(),
            size: script.size(),
            imports: self.imports.clone(),
            roles: self.roles.clone(),
            script: Some(Arc::new(script)),
        }))
    }

    /// Waits until one more instance can exist. Cancel safe. Returns `None` if it can never exist.
    pub(crate) async fn take_capacity(&self, flow: &Flow) -> Option<InstancePermit> {
        let of_runtime = match &self.capacity {
            Some(capacity) => Some(capacity.take(flow, self.units).await?),
            None => None,
        };
        let of_engine = self.engine.capacity.take(flow, self.units).await?;
        Some(InstancePermit { _of_runtime: of_runtime, _of_engine: of_engine })
    }

    /// Returns whether idle sandboxes of this plugin have to release what they hold.
    pub(crate) fn is_capacity_scarce(&self) -> bool {
        self.engine.capacity.is_scarce() || self.capacity.as_ref().is_some_and(Capacity::is_scarce)
    }
}

impl Plugin {
    /// Returns the script; `None` for a component.
    pub fn script(&self) -> Option<&Script> {
        self.0.script.as_deref()
    }

    /// Returns the path of the component's file; for a script, relative to the app's directory.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Returns the SHA-256 of the file, in hexadecimal; for a script, of all its files and of the runner.
    pub fn digest(&self) -> &Arc<str> {
        &self.0.digest
    }

    /// Returns the size of the file in bytes; for a script, of all its files.
    pub fn size(&self) -> u64 {
        self.0.size
    }

    /// Returns the names of its imports.
    pub fn imports(&self) -> &[String] {
        &self.0.imports
    }

    /// Returns the units of the engine's capacity that a sandbox of it takes: one for each memory.
    pub fn units(&self) -> u32 {
        self.0.units
    }

    /// Returns the roles that it has.
    pub fn roles(&self) -> impl Iterator<Item = Role> + '_ {
        self.0.roles.iter().filter(|(_, found)| found.is_ok()).map(|(role, _)| *role)
    }

    /// Checks that it has `role`; the error explains why not.
    pub fn check_role(&self, role: Role) -> Result<(), RoleError> {
        self.export(role).map(|_| ())
    }

    pub(crate) fn export(&self, role: Role) -> Result<&ComponentExportIndex, RoleError> {
        match self.0.roles.iter().find(|(of, _)| *of == role) {
            Some((_, Ok(export))) => Ok(export),
            Some((_, Err(error))) => Err(error.clone()),
            None => unreachable!("every role is looked up when a plugin is loaded"),
        }
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("path", &self.0.path).field("digest", &self.0.digest).finish()
    }
}
