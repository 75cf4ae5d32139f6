//! The initial memory of an instance of a component: all memories and tables of all core instances in it, before any
//! code has run. Computed before a component is compiled, without reading its types or code.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ComponentTypeRef, Encoding,
    Instance, Parser, Payload,
};

use crate::limiter::TABLE_ENTRY_BYTES;

/// log2 of the bytes of a standard page.
const PAGE_LOG2: u32 = 16;

/// Returns the minimum bytes that an instance of the component `bytes` has initially; `None` if it is malformed. Counts
/// like [`Limits::memory`](crate::Limits::memory). Instances of imported modules and components are not counted.
pub fn initial_memory(bytes: &[u8]) -> Option<u64> {
    let mut scan = InitialMemory::default();
    for payload in Parser::new(0).parse_all(bytes) {
        scan.payload(payload.ok()?)?;
    }
    Some(u64::try_from(scan.total).unwrap_or(u64::MAX))
}

/// A component or module whose end has not been read yet.
struct OpenItem {
    encoding: Encoding,
    /// Bytes of one instance of it.
    bytes: u128,
    /// Bytes of an instance of each module and component defined in it; 0 for imported ones.
    modules: Vec<u128>,
    components: Vec<u128>,
}

#[derive(Default)]
struct InitialMemory {
    levels: Vec<OpenItem>,
    total: u128,
}

impl InitialMemory {
    fn payload(&mut self, payload: Payload<'_>) -> Option<()> {
        match payload {
            Payload::Version { encoding, .. } => {
                self.levels.push(OpenItem { encoding, bytes: 0, modules: Vec::new(), components: Vec::new() });
            }
            Payload::End(_) => self.end()?,
            Payload::MemorySection(section) => {
                for memory in section {
                    let memory = memory.ok()?;
                    let page = 1_u128.checked_shl(memory.page_size_log2.unwrap_or(PAGE_LOG2)).unwrap_or(u128::MAX);
                    self.add_bytes(u128::from(memory.initial).saturating_mul(page))?;
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.add_bytes(u128::from(table.ok()?.ty.initial).saturating_mul(TABLE_ENTRY_BYTES as u128))?;
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    if let Instance::Instantiate { module_index, .. } = instance.ok()? {
                        let bytes = self.levels.last()?.modules.get(module_index as usize).copied();
                        self.add_bytes(bytes.unwrap_or(0))?;
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    if let ComponentInstance::Instantiate { component_index, .. } = instance.ok()? {
                        let bytes = self.levels.last()?.components.get(component_index as usize).copied();
                        self.add_bytes(bytes.unwrap_or(0))?;
                    }
                }
            }
            payload => self.indices(payload)?,
        }
        Some(())
    }

    /// Handles sections that give a module or a component another index.
    fn indices(&mut self, payload: Payload<'_>) -> Option<()> {
        match payload {
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    match alias.ok()? {
                        ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, count, index } => {
                            self.add_alias(ComponentExternalKind::Module, count, index)?;
                        }
                        ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                            self.add_alias(ComponentExternalKind::Component, count, index)?;
                        }
                        ComponentAlias::InstanceExport { kind, .. } => self.add_imported(kind)?,
                        ComponentAlias::CoreInstanceExport { .. } | ComponentAlias::Outer { .. } => {}
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    match import.ok()?.ty {
                        ComponentTypeRef::Module(_) => self.add_imported(ComponentExternalKind::Module)?,
                        ComponentTypeRef::Component(_) => self.add_imported(ComponentExternalKind::Component)?,
                        _ => {}
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export.ok()?;
                    self.add_alias(export.kind, 0, export.index)?;
                }
            }
            _ => {}
        }
        Some(())
    }

    fn end(&mut self) -> Option<()> {
        let OpenItem { encoding, bytes, .. } = self.levels.pop()?;
        match (self.levels.last_mut(), encoding) {
            (None, _) => self.total = bytes,
            (Some(outer), Encoding::Module) => outer.modules.push(bytes),
            (Some(outer), Encoding::Component) => outer.components.push(bytes),
        }
        Some(())
    }

    fn add_bytes(&mut self, bytes: u128) -> Option<()> {
        let level = self.levels.last_mut()?;
        level.bytes = level.bytes.saturating_add(bytes);
        Some(())
    }

    fn add_alias(&mut self, kind: ComponentExternalKind, out: u32, index: u32) -> Option<()> {
        let from = self.levels.get(self.levels.len().checked_sub(1 + out as usize)?)?;
        let at = index as usize;
        match kind {
            ComponentExternalKind::Module => {
                let bytes = from.modules.get(at).copied().unwrap_or(0);
                self.levels.last_mut()?.modules.push(bytes);
            }
            ComponentExternalKind::Component => {
                let bytes = from.components.get(at).copied().unwrap_or(0);
                self.levels.last_mut()?.components.push(bytes);
            }
            _ => {}
        }
        Some(())
    }

    fn add_imported(&mut self, kind: ComponentExternalKind) -> Option<()> {
        let level = self.levels.last_mut()?;
        match kind {
            ComponentExternalKind::Module => level.modules.push(0),
            ComponentExternalKind::Component => level.components.push(0),
            _ => {}
        }
        Some(())
    }
}
